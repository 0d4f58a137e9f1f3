#include "checkpoint/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <optional>

#include "base/threads.hpp"
#include "checkpoint/test_files.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;
using test_files::TemporaryDirectory;
using test_files::tiny_config;
using test_files::tiny_config_json;
using test_files::write_file;
using testing::HasSubstr;

std::vector<float> values_of(const Checkpoint& checkpoint, const std::string& name) {
  const TensorInfo* info = checkpoint.find(name);
  if (!info) return {};
  std::vector<float> values(static_cast<std::size_t>(info->elements()));
  const auto read = checkpoint.read(*info, values);
  EXPECT_TRUE(read) << read.error().line();
  return values;
}

class HuggingFace : public TemporaryDirectory {
 protected:
  std::string refusal() const {
    const auto checkpoint = open_checkpoint(directory_);
    return checkpoint ? "accepted" : checkpoint.error().line();
  }
  std::vector<test_files::Tensor> tensors_ = test_files::random_tensors(tiny_config());
};

TEST_F(HuggingFace, GivesEveryTensorsValues) {
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors_);
  const auto checkpoint = open_checkpoint(directory_).value();
  EXPECT_EQ(checkpoint->config(), tiny_config());
  ASSERT_EQ(checkpoint->tensors().size(), tensors_.size());
  for (const auto& [name, shape, values] : tensors_) {
    ASSERT_TRUE(checkpoint->find(name)) << name;
    EXPECT_EQ(checkpoint->find(name)->shape, shape);
    EXPECT_EQ(values_of(*checkpoint, name), values) << name;
  }
}

TEST_F(HuggingFace, GivesTheSameValuesWithOneThreadAndWithMany) {
  Json json = tiny_config_json();
  json["vocab_size"] = 8192;  // large enough to be read in parallel
  tensors_ = test_files::random_tensors(config_from_json(json).value());
  test_files::write_hugging_face(directory_, json, tensors_);
  const auto checkpoint = open_checkpoint(directory_).value();
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    EXPECT_EQ(values_of(*checkpoint, tensors_[0].name), tensors_[0].values);
  }
}

TEST_F(HuggingFace, SaysWhichFileIsMissing) {
  EXPECT_THAT(refusal(), HasSubstr("no config.json"));
  write_file(directory_ / "config.json", tiny_config_json().dump());
  EXPECT_THAT(refusal(), HasSubstr("there is no model.safetensors and no model.safetensors.index.json"));
  write_file(directory_ / "pytorch_model.bin.index.json", "{}");
  EXPECT_THAT(refusal(), HasSubstr("pickled weights (pytorch_model.bin.index.json) are not read"));
  write_file(directory_ / "pytorch_model.bin", "x");
  EXPECT_THAT(refusal(),
              HasSubstr("pickled weights (pytorch_model.bin) are not read; load the model with transformers"));
}

TEST_F(HuggingFace, PointsFromAFileToItsDirectory) {
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors_);
  write_file(directory_ / "pytorch_model.bin", "x");
  for (const char* file : {"config.json", "model.safetensors", "pytorch_model.bin"})
    EXPECT_THAT(open_checkpoint(directory_ / file).error().line(), HasSubstr("not the whole; name the directory"));
}

/// The pages of files that are in this process's memory: proc(5), statm, the third number.
std::uint64_t resident_file_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0, shared = 0;
  statm >> total >> resident >> shared;
  return shared * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// A line of /proc/self/status (proc(5)), in bytes: VmRSS, this process's memory, or VmHWM, the most of it so far.
std::uint64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":")) return 1024 * std::stoull(line.substr(key.size() + 1));
  return 0;
}

/// The most memory that `work` takes at any time on top of what there is; nothing where the system does not tell.
std::optional<std::uint64_t> most_additional_bytes(const std::function<void()>& work) {
  std::ofstream clear_refs("/proc/self/clear_refs");
  if (!(clear_refs << 5 << std::flush)) return std::nullopt;  // "5" sets VmHWM to VmRSS
  const std::uint64_t before = status_bytes("VmRSS");
  work();
  return status_bytes("VmHWM") - before;
}

TEST_F(HuggingFace, KeepsLittleOfALargeTensorInMemoryWhileItIsReadAndNothingAfterwards) {
  Json json = tiny_config_json();
  json["vocab_size"] = 1 << 17;
  tensors_ = test_files::random_tensors(config_from_json(json).value());
  test_files::write_hugging_face(directory_, json, tensors_);
  const auto checkpoint = open_checkpoint(directory_).value();
  std::vector<float> values(tensors_[0].values.size());  // 32 MiB
  set_thread_count(2);
  const std::uint64_t before = resident_file_bytes();
  const auto read = [&] { ASSERT_TRUE(checkpoint->read(*checkpoint->find(tensors_[0].name), values)); };
  const auto most = most_additional_bytes(read);
  EXPECT_LT(most.value_or(0), 12u << 20) << "two slices of 4 MiB, and what the threads need";
  EXPECT_LT(resident_file_bytes(), before + (1 << 20));
  EXPECT_EQ(values, tensors_[0].values);
  read();
  EXPECT_EQ(values, tensors_[0].values);
}

TEST_F(HuggingFace, NamesTheTensorThatIsMissingOrMisshapenOrUnknown) {
  auto tensors = tensors_;
  tensors.erase(tensors.begin() + 3);
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors);
  EXPECT_THAT(refusal(), HasSubstr("'model.layers.0.self_attn.k_proj.weight' is missing"));

  tensors = tensors_;
  tensors[3].shape = {64, 32};
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors);
  EXPECT_THAT(refusal(), HasSubstr("'model.layers.0.self_attn.k_proj.weight': shape [64,32], the configuration asks "
                                   "for [32,64]"));

  tensors = tensors_;
  tensors.push_back({"model.layers.0.self_attn.q_proj.bias", {4}, {1, 2, 3, 4}});
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors);
  EXPECT_THAT(refusal(), HasSubstr("q_proj.bias' has no place"));
}

TEST_F(HuggingFace, OverlooksTensorsThatChangeNothing) {
  auto tensors = tensors_;
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {2}, {1, 2}});
  tensors.push_back({"lm_head.weight", tensors_[0].shape, tensors_[0].values});
  if (tensors.size() % 2 == 0)
    tensors.insert(tensors.end() - 1, {"model.layers.1.self_attn.rotary_emb.inv_freq", {1}, {1}});
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors);
  const auto checkpoint = open_checkpoint(directory_);
  ASSERT_TRUE(checkpoint) << checkpoint.error().line();
  EXPECT_EQ((*checkpoint)->tensors().size(), tensors_.size());
}

TEST_F(HuggingFace, RefusesATiedHeadThatDiffersFromTheEmbedding) {
  auto tensors = tensors_;
  tensors.push_back({"lm_head.weight", tensors_[0].shape, tensors_[0].values});
  tensors.back().values[5] += 1;
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors);
  EXPECT_THAT(refusal(), HasSubstr("'lm_head.weight' has no place"));
}

TEST_F(HuggingFace, NamesTheFirstValueThatIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    auto tensors = tensors_;
    tensors[2].values[70] = tensors[2].values[700] = bad;
    test_files::write_hugging_face(directory_, tiny_config_json(), tensors);
    const auto checkpoint = open_checkpoint(directory_).value();
    std::vector<float> values(tensors[2].values.size());
    const auto read = checkpoint->read(*checkpoint->find(tensors[2].name), values);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().line(), HasSubstr(tensors[2].name + "': the value at index 70 is not finite"));
  }
}

TEST_F(HuggingFace, ListsTheFilesThatItRead) {
  test_files::write_hugging_face(directory_, tiny_config_json(), tensors_);
  EXPECT_THAT(open_checkpoint(directory_).value()->files(),
              testing::ElementsAre(directory_ / "config.json", directory_ / "model.safetensors"));
}

class ModelNames : public TemporaryDirectory {
 protected:
  void SetUp() override {
    TemporaryDirectory::SetUp();
    setenv("SPARSECIM_CACHE", directory_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("SPARSECIM_CACHE");
    TemporaryDirectory::TearDown();
  }
};

TEST_F(ModelNames, AreLookedForInTheCache) {
  fs::create_directories(directory_ / "models" / "tiny");
  test_files::write_hugging_face(directory_ / "models" / "tiny", tiny_config_json(),
                                 test_files::random_tensors(tiny_config()));
  EXPECT_TRUE(open_checkpoint("tiny"));
  EXPECT_FALSE(open_checkpoint("./tiny"));
  fs::rename(directory_ / "models" / "tiny", directory_ / "models" / "owner--tiny");
  EXPECT_TRUE(open_checkpoint("hf:owner/tiny"));
  EXPECT_FALSE(open_checkpoint("hf:owner/../owner/tiny"));
}

TEST_F(ModelNames, ThatAreUnknownSayWhatIsAcceptedAndHowToGetOne) {
  const std::string line = open_checkpoint("tiny").error().line();
  EXPECT_THAT(line, HasSubstr("tools/fetch-model tiny"));
  EXPECT_THAT(line, HasSubstr("a directory in Hugging Face layout, a .gguf file or a llama2.c .bin file"));
}

TEST_F(ModelNames, WithAnUnknownEndingAreRefused) {
  write_file(directory_ / "model.txt", "x");
  EXPECT_THAT(open_checkpoint(directory_ / "model.txt").error().line(), HasSubstr("name a directory"));
}

}  // namespace
}  // namespace sparsecim

#include "checkpoint/export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "checkpoint/test_gguf.hpp"
#include "text/test_sentencepiece.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;
using test_files::file_bytes;
using test_files::TemporaryDirectory;
using test_files::write_file;
using testing::HasSubstr;

std::vector<float> values_of(const Checkpoint& checkpoint, const std::string& name) {
  std::vector<float> values(static_cast<std::size_t>(checkpoint.find(name)->elements()));
  EXPECT_TRUE(checkpoint.read(*checkpoint.find(name), values));
  return values;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::int64_t entries(const fs::path& directory) { return std::distance(fs::directory_iterator(directory), {}); }

Result<void> export_checkpoint(const Checkpoint& source, const fs::path& directory, const TensorEdit& edit,
                               const std::map<std::string, std::string>& metadata) {
  SC_TRY_ASSIGN(auto writer, CheckpointWriter::create(source, directory, metadata));
  return writer.commit(edit);
}

class Export : public TemporaryDirectory {
 protected:
  void SetUp() override {
    TemporaryDirectory::SetUp();
    source_ = directory_ / "source";
    out_ = directory_ / "out";
    fs::create_directories(source_);
    fs::create_directories(out_);
  }
  void write_source() const { test_files::write_hugging_face(source_, test_files::tiny_config_json(), tensors_); }

  /// Exports and opens again; expects the same values, bit for bit, and the same configuration.
  void expect_round_trip(const fs::path& model) const {
    const auto source = open_checkpoint(model);
    ASSERT_TRUE(source) << source.error().line();
    const auto exported = export_checkpoint(**source, out_, {}, {{"made", "by a test"}});
    ASSERT_TRUE(exported) << exported.error().line();
    const auto copy = open_checkpoint(out_);
    ASSERT_TRUE(copy) << copy.error().line();
    EXPECT_EQ((*copy)->config(), (*source)->config());
    ASSERT_EQ((*copy)->tensors().size(), (*source)->tensors().size());
    for (const TensorInfo& info : (*source)->tensors())
      EXPECT_TRUE(same_bits(values_of(**copy, info.name), values_of(**source, info.name))) << info.name;
  }

  fs::path source_, out_;
  std::vector<test_files::Tensor> tensors_ = test_files::random_tensors(test_files::tiny_config());
};

/// The source's matrices, two of them written as factors of such values.
class FactoredExport : public Export {
 protected:
  Result<void> write_factored() {
    write_source();
    const auto source = open_checkpoint(source_).value();
    SC_TRY_ASSIGN(auto writer, CheckpointWriter::create(*source, out_, {}, factored_));
    return writer.commit([](const TensorInfo& info, std::span<float> values) -> Result<void> {
      if (info.name.find(".monarch.") == std::string::npos) return {};
      for (const float value : values) EXPECT_EQ(value, 0);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 100) / 4;
      return {};
    });
  }

  const CheckpointWriter::Factored factored_ = {
      {"model.layers.0.mlp.up_proj", monarch_of_blocks(96, 64, 4).value()},
      {"model.layers.1.self_attn.k_proj", monarch_of_squares(32, 64).value()}};
};

TEST_F(FactoredExport, PutsFactorsInPlaceOfMatricesInTheirTypeAndLeavesTheOthers) {
  ASSERT_TRUE(write_factored());
  const auto source = open_checkpoint(source_).value();
  const auto copy = open_checkpoint(out_);
  ASSERT_TRUE(copy) << copy.error().line();
  EXPECT_EQ((*copy)->config().monarch, factored_);
  EXPECT_EQ((*copy)->tensors().size(), source->tensors().size() + 2);
  for (const TensorInfo& info : (*copy)->tensors()) {
    if (const TensorInfo* same = source->find(info.name)) {
      EXPECT_TRUE(same_bits(values_of(**copy, info.name), values_of(*source, same->name))) << info.name;
      continue;
    }
    EXPECT_EQ(info.storage, source->find(info.name.substr(0, info.name.find(".monarch")) + ".weight")->storage);
    EXPECT_EQ(values_of(**copy, info.name)[101], 0.25f) << info.name;
  }
  EXPECT_EQ((*copy)->find("model.layers.0.mlp.up_proj.weight"), nullptr);
}

TEST_F(FactoredExport, WhoseFilesDoNotBelongTogetherIsRefused) {
  ASSERT_TRUE(write_factored());
  Json config = read_json_file(out_ / "config.json").value();
  config["monarch"]["model.layers.0.mlp.up_proj"] = to_json(monarch_of_blocks(96, 64, 8).value());
  write_file(out_ / "config.json", config.dump());
  EXPECT_THAT(open_checkpoint(out_).error().line(),
              HasSubstr("tensor 'model.layers.0.mlp.up_proj.monarch.right': shape [4,16,16], the configuration asks "
                        "for [8,8,8]; config.json and the weights must be of one run of 'sparsecim monarch'"));
  config["monarch"].erase("model.layers.0.mlp.up_proj");
  write_file(out_ / "config.json", config.dump());
  EXPECT_THAT(open_checkpoint(out_).error().line(), HasSubstr("'model.layers.0.mlp.up_proj.weight' is missing"));
}

TEST_F(Export, OfAHuggingFaceDirectoryKeepsValuesTypesAndCompanions) {
  write_source();
  write_file(source_ / "tokenizer.json", "{\"as\":  \"it is\"}");
  write_file(source_ / "special_tokens_map.json", "{}\n");
  write_file(source_ / "generation_config.json", "{\"temperature\": 0.6}");
  write_file(source_ / "README.md", "not ours");
  expect_round_trip(source_);
  for (const char* name : {"tokenizer.json", "special_tokens_map.json", "generation_config.json"})
    EXPECT_EQ(file_bytes(out_ / name), file_bytes(source_ / name)) << name;
  EXPECT_FALSE(fs::exists(out_ / "README.md"));
  const auto source = open_checkpoint(source_).value(), copy = open_checkpoint(out_).value();
  for (const TensorInfo& info : source->tensors()) EXPECT_EQ(copy->find(info.name)->storage, info.storage);
}

TEST_F(Export, WritesTensorsInTheOrderOfComputingWithTheMetadata) {
  std::ranges::reverse(tensors_);
  write_source();
  expect_round_trip(source_);
  std::vector<std::string> written, required;
  const auto copy = open_checkpoint(out_).value();
  for (const TensorInfo& info : copy->tensors()) written.push_back(info.name);
  for (const RequiredTensor& tensor : required_tensors(test_files::tiny_config())) required.push_back(tensor.name);
  EXPECT_EQ(written, required);
  const std::string header = file_bytes(out_ / "model.safetensors").substr(0, 200);
  EXPECT_THAT(header, HasSubstr(R"("__metadata__":{"format":"pt","made":"by a test"})"));
}

TEST_F(Export, NamesTheTypeThatTransformersLoadsTheWeightsAs) {
  write_source();  // bfloat16 and float32
  ASSERT_TRUE(export_checkpoint(*open_checkpoint(source_).value(), out_, {}, {}));
  EXPECT_EQ(read_json_file(out_ / "config.json").value()["torch_dtype"], "float32");
  EXPECT_EQ(read_json_file(out_ / "generation_config.json").value(), (Json{{"bos_token_id", 1}, {"eos_token_id", 2}}));
}

TEST_F(Export, AppliesTheEditToEachTensorOnceInOrder) {
  write_source();
  std::vector<std::string> edited, required;
  const TensorEdit edit = [&](const TensorInfo& info, std::span<float> values) -> Result<void> {
    edited.push_back(info.name);
    for (std::size_t i = 0; i < values.size(); i += 2) values[i] = 0;
    return {};
  };
  const auto source = open_checkpoint(source_).value();
  ASSERT_TRUE(export_checkpoint(*source, out_, edit, {}));
  const auto copy = open_checkpoint(out_).value();
  for (const RequiredTensor& tensor : required_tensors(test_files::tiny_config())) required.push_back(tensor.name);
  EXPECT_EQ(edited, required);
  for (const auto& [name, shape, values] : tensors_) {
    const auto written = values_of(*copy, name);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(written[i], i % 2 ? values[i] : 0) << name << " " << i;
  }
}

TEST_F(Export, LeavesNoWeightsBehindWhenTheEditFails) {
  write_source();
  const TensorEdit edit = [](const TensorInfo&, std::span<float>) -> Result<void> { return fail("no"); };
  EXPECT_EQ(export_checkpoint(*open_checkpoint(source_).value(), out_, edit, {}).error().line(), "no");
  EXPECT_FALSE(fs::exists(out_ / "model.safetensors"));
  EXPECT_EQ(entries(out_), 2);  // config.json, generation_config.json: the directory is the caller's to drop
}

TEST_F(Export, StopsAtAValueThatIsNotFinite) {
  tensors_[4].values[9] = NAN;
  write_source();
  EXPECT_THAT(export_checkpoint(*open_checkpoint(source_).value(), out_, {}, {}).error().line(),
              HasSubstr(tensors_[4].name + "': the value at index 9 is not finite"));
}

TEST_F(Export, GoesOnBehindTheBlocksThatAnInterruptedWriterLeft) {
  write_source();
  const auto source = open_checkpoint(source_).value();
  const TensorEdit halve = [](const TensorInfo&, std::span<float> values) -> Result<void> {
    for (std::size_t i = 0; i < values.size(); i += 2) values[i] = 0;
    return {};
  };
  ASSERT_TRUE(export_checkpoint(*source, out_, halve, {{"made", "by a test"}}));
  const std::string whole = file_bytes(out_ / "model.safetensors");
  fs::remove(out_ / "model.safetensors");
  {
    auto writer = CheckpointWriter::resume(*source, out_, {{"made", "by a test"}}, 0).value();
    ASSERT_TRUE(writer.write_blocks(2, halve));  // the second block was not acknowledged any more
  }
  EXPECT_FALSE(fs::exists(out_ / "model.safetensors"));
  auto writer = CheckpointWriter::resume(*source, out_, {{"made", "by a test"}}, 1).value();
  ASSERT_TRUE(writer.commit(halve));
  EXPECT_EQ(file_bytes(out_ / "model.safetensors"), whole);
}

TEST_F(Export, DoesNotGoOnInAFileThatHoldsLessThanItShould) {
  write_source();
  const auto source = open_checkpoint(source_).value();
  EXPECT_TRUE(CheckpointWriter::resume(*source, out_, {}, 0));
  EXPECT_THAT(CheckpointWriter::resume(*source, out_, {}, 1).error().line(), HasSubstr("bytes are left of at least"));
}

/// Texts that the vocabulary's pairs, single letters and bytes all take part in.
void expect_same_tokenizer(const fs::path& a, const fs::path& b) {
  const auto first = open_tokenizer(*open_checkpoint(a).value());
  const auto second = open_tokenizer(*open_checkpoint(b).value());
  ASSERT_TRUE(first) << first.error().line();
  ASSERT_TRUE(second) << second.error().line();
  for (const char* text :
       {"the others in the hat", "Once upon a time, there was a café.", "  two  spaces\n", "<s> 漢字", ""})
    EXPECT_EQ((*second)->encode_as_model(text).value(), (*first)->encode_as_model(text).value()) << text;
}

class ExportOfOtherFormats : public Export {
 protected:
  ModelConfig config_ = config_from_json(test_files::spelling_config_json()).value();
  std::vector<test_files::Tensor> tensors_ = test_files::random_tensors(config_);
};

TEST_F(ExportOfOtherFormats, TakesALlama2cFileWithItsTokenizer) {
  write_file(source_ / "tiny.bin", test_files::llama2c_file(config_, tensors_));
  write_file(source_ / "tokenizer.bin", test_files::llama2c_tokenizer_file());
  expect_round_trip(source_ / "tiny.bin");
  expect_same_tokenizer(source_ / "tiny.bin", out_);
}

TEST_F(ExportOfOtherFormats, TakesAGgufWithItsTokenizerAsFloat32) {
  auto writer = test_files::llama_gguf(config_, tensors_);
  write_file(source_ / "tiny.gguf", test_files::add_spelling_tokenizer(writer).file());
  expect_round_trip(source_ / "tiny.gguf");
  expect_same_tokenizer(source_ / "tiny.gguf", out_);
  EXPECT_EQ(open_checkpoint(out_).value()->tensors()[0].storage, "F32");
}

/// spelling_tokens() as an older Hugging Face directory has them.
std::string spelling_sentencepiece() {
  TestSentencePiece model;
  for (const std::string& text : test_files::spelling_tokens()) {
    const std::size_t id = model.pieces.size();
    model.pieces.push_back({text, test_files::spelling_score(id), id == 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1});
  }
  model.pieces.pop_back();  // left to added_tokens.json
  return sentencepiece_file(model);
}

TEST_F(ExportOfOtherFormats, TakesADirectoryWithASentencePieceModelOnly) {
  test_files::write_hugging_face(source_, test_files::spelling_config_json(), tensors_);
  write_file(source_ / "tokenizer.model", spelling_sentencepiece());
  write_file(source_ / "added_tokens.json", R"({"<|user|>": 299})");
  write_file(source_ / "special_tokens_map.json", R"({"additional_special_tokens": ["<|user|>"]})");
  expect_round_trip(source_);
  expect_same_tokenizer(source_, out_);
  EXPECT_EQ(file_bytes(out_ / "tokenizer.model"), file_bytes(source_ / "tokenizer.model"));
  const auto tokenizer = open_tokenizer(*open_checkpoint(out_).value()).value();
  EXPECT_EQ(tokenizer->encode_as_model("<|user|>").value(), (std::vector<TokenId>{1, 299}));
  EXPECT_EQ(tokenizer->decode_for_reading(std::vector<TokenId>{299}), "");
}

TEST_F(ExportOfOtherFormats, LeavesOutAddedTokensThatTheEmbeddingHasNoRowFor) {
  test_files::write_hugging_face(source_, test_files::spelling_config_json(), tensors_);
  write_file(source_ / "tokenizer.model", spelling_sentencepiece());
  write_file(source_ / "added_tokens.json", R"({"<|user|>": 299, "<pad>": 300})");
  write_file(source_ / "special_tokens_map.json", R"({"pad_token": "<pad>", "eos_token": "<pad>"})");
  expect_round_trip(source_);
  expect_same_tokenizer(source_, out_);
  const auto tokenizer = open_tokenizer(*open_checkpoint(out_).value()).value();
  EXPECT_EQ(tokenizer->vocabulary().tokens.size(), 300u);
  EXPECT_EQ(tokenizer->vocabulary().n_without_row, 1);
  const std::vector<TokenId> ids = tokenizer->encode_as_model("the <pad> <|user|>").value();
  for (const TokenId id : ids) EXPECT_LT(id, 300);
}

TEST_F(ExportOfOtherFormats, PrefersTokenizerJsonToTheSentencePieceModel) {
  test_files::write_hugging_face(source_, test_files::spelling_config_json(), tensors_);
  write_file(source_ / "tokenizer.model", spelling_sentencepiece());
  ASSERT_TRUE(open_tokenizer(*open_checkpoint(source_).value()));
  write_file(source_ / "tokenizer.json", "{}");
  EXPECT_THAT(open_tokenizer(*open_checkpoint(source_).value()).error().line(), HasSubstr("tokenizer.json: 'model'"));
  fs::remove(source_ / "tokenizer.json");
  write_file(source_ / "tokenizer.model", "no message");
  EXPECT_THAT(open_tokenizer(*open_checkpoint(source_).value()).error().line(),
              HasSubstr("tokenizer.model: not a SentencePiece model"));
  fs::remove(source_ / "tokenizer.model");
  EXPECT_THAT(open_tokenizer(*open_checkpoint(source_).value()).error().line(),
              HasSubstr("neither tokenizer.json nor tokenizer.model"));
}

TEST_F(ExportOfOtherFormats, RefusesOneWithoutATokenizer) {
  write_file(source_ / "tiny.bin", test_files::llama2c_file(config_, tensors_));
  EXPECT_THAT(export_checkpoint(*open_checkpoint(source_ / "tiny.bin").value(), out_, {}, {}).error().line(),
              HasSubstr("tiny.bin: no tokenizer beside it"));
  EXPECT_FALSE(fs::exists(out_ / "model.safetensors"));
}

TEST_F(Export, OfPublishedModelsKeepsValuesAndTokenizer) {
  const char* data = std::getenv("SPARSECIM_DATA");
  if (!data) GTEST_SKIP() << "SPARSECIM_DATA is not set";
  for (const char* model : {"stories260K", "stories15M"}) {
    expect_round_trip(fs::path(data) / "models" / model);
    expect_same_tokenizer(fs::path(data) / "models" / model, out_);
  }
}

}  // namespace
}  // namespace sparsecim

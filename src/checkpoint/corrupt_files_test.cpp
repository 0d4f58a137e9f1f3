// Every reader of this room against files that are cut off, changed and full of large numbers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>

#include "checkpoint/gguf_model.hpp"
#include "checkpoint/llama2c.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/shards.hpp"
#include "checkpoint/test_gguf.hpp"

namespace {

std::atomic<std::size_t> g_allocated_bytes = 0;  // by everything in this program, ever

}  // namespace

// Not inlined: GCC would take the pair for new and free.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  g_allocated_bytes += bytes;
  if (void* memory = std::malloc(bytes ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {  // std::stable_sort's
  g_allocated_bytes += bytes;
  return std::malloc(bytes ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace sparsecim {
namespace {

using test_files::bytes_of;
using test_files::little_endian;
using testing::HasSubstr;

/// One block of four dimensions: files of a few hundred bytes.
Json minute_config_json() {
  Json json = test_files::tiny_config_json();
  json["hidden_size"] = json["intermediate_size"] = 4;
  json["num_hidden_layers"] = json["num_key_value_heads"] = 1;
  json["num_attention_heads"] = 2;
  json["vocab_size"] = 5;
  json["max_position_embeddings"] = 2;
  return json;
}

/// Reads every tensor; what a parser has accepted must be readable.
Result<void> read_all(Contents contents) {
  const MappedCheckpoint checkpoint(std::move(contents), {}, {}, [] { return Result<Vocabulary>(fail("none")); });
  std::vector<float> values;
  for (const TensorInfo& info : checkpoint.tensors()) {
    values.resize(static_cast<std::size_t>(info.elements()));
    SC_TRY(checkpoint.read(info, values));
  }
  return {};
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> read_safetensors(std::span<const std::byte> bytes) {
  SC_TRY_ASSIGN(auto tensors, parse_safetensors(bytes));
  SC_TRY_ASSIGN(Contents contents, complete({config_from_json(minute_config_json()).value(), std::move(tensors)}));
  return read_all(std::move(contents));
}

Result<void> read_gguf(std::span<const std::byte> bytes) {
  SC_TRY_ASSIGN(Gguf gguf, parse_gguf(bytes));
  const auto vocabulary = gguf_vocabulary(gguf);
  SC_TRY_ASSIGN(Contents contents, gguf_contents(std::move(gguf)));
  SC_TRY(read_all(std::move(contents)));
  return vocabulary.map([](const Vocabulary&) {});
}

Result<void> read_llama2c(std::span<const std::byte> bytes) {
  SC_TRY_ASSIGN(Contents contents, parse_llama2c(bytes));
  return read_all(std::move(contents));
}

Result<void> read_config(std::span<const std::byte> bytes) {
  SC_TRY_ASSIGN(const Json json, parse_json(text_of(bytes)));
  return config_from_json(json).map([](const ModelConfig&) {});
}

Result<void> read_index(std::span<const std::byte> bytes) {
  SC_TRY_ASSIGN(const Json json, parse_json(text_of(bytes)));
  SC_TRY_ASSIGN(const ShardIndex index, parse_shard_index(json));
  for (const std::string& file : index.files()) static_cast<void>(check_shard(index, file, {}));
  return {};
}

struct Format {
  const char* name;
  Result<void> (*read)(std::span<const std::byte> bytes);
  std::string good;

  friend void PrintTo(const Format& format, std::ostream* out) { *out << format.name; }
};

std::string gguf_file(const ModelConfig& config, const std::vector<test_files::Tensor>& tensors) {
  test_files::GgufWriter writer = test_files::llama_metadata(config);
  std::string texts, scores, types;
  for (const char* token : {"<unk>", "<s>", "</s>", "a", "b"}) {
    texts += test_files::GgufWriter::text(token);
    scores += little_endian(0.0f);
    types += little_endian(scores.size() == 4 ? 2 : scores.size() < 16 ? 3 : 1);  // unknown, control, normal
  }
  writer.set("tokenizer.ggml.model", "llama")
      .set_array("tokenizer.ggml.tokens", test_files::GgufWriter::kString, 5, texts)
      .set_array("tokenizer.ggml.scores", test_files::GgufWriter::kFloat32, 5, scores)
      .set_array("tokenizer.ggml.token_type", 5, 5, types);
  for (const test_files::Tensor& tensor : tensors)
    writer.tensor(test_files::ggml_name(tensor.name), tensor.shape, test_files::GgufWriter::kF32,
                  test_files::as_bytes(test_files::in_metas_order(tensor, config)));
  return writer.file();
}

std::vector<Format> formats() {
  const ModelConfig config = config_from_json(minute_config_json()).value();
  const auto tensors = test_files::random_tensors(config);
  Json index = {{"metadata", {{"total_size", 7}}}, {"weight_map", Json::object()}};
  for (const auto& tensor : tensors) index["weight_map"][tensor.name] = "model-1-of-1.safetensors";
  return {{"Safetensors", read_safetensors, test_files::safetensors_file(tensors)},
          {"Gguf", read_gguf, gguf_file(config, tensors)},
          {"Llama2c", read_llama2c, test_files::llama2c_file(config, tensors)},
          {"Config", read_config, minute_config_json().dump()},
          {"ShardIndex", read_index, index.dump()}};
}

class CorruptFiles : public testing::TestWithParam<Format> {
 protected:
  /// Reads it; what that allocates is bounded by its size.
  bool accepted(std::string_view file) const {
    const std::size_t before = g_allocated_bytes;
    const bool read = GetParam().read(bytes_of(file)).has_value();
    // In all: a byte of JSON makes a value of 16, a string of 32 and an error message; vectors double as they grow.
    EXPECT_LT(g_allocated_bytes - before, 400 * file.size() + (64 << 10));
    return read;
  }
  const std::string& good_ = GetParam().good;
};

TEST_P(CorruptFiles, AreNeededWhole) {
  ASSERT_TRUE(accepted(good_)) << GetParam().read(bytes_of(good_)).error().line();
  for (std::size_t size = 0; size < good_.size(); ++size)
    EXPECT_FALSE(accepted(std::string_view(good_).substr(0, size))) << size << " bytes";
}

TEST_P(CorruptFiles, AreReadOrRefusedWithAnyByteChanged) {
  for (std::size_t at = 0; at < good_.size(); ++at)
    for (const int wrong : {0x00, 0x01, 0x22, 0x2d, 0x39, 0x5b, 0x7f, 0x80, 0xff}) {  // among them " - 9 [
      std::string file = good_;
      file[at] = static_cast<char>(wrong);
      accepted(file);
    }
}

TEST_P(CorruptFiles, AreReadOrRefusedWithLargeNumbersAnywhere) {
  for (std::size_t at = 0; at < good_.size(); ++at)
    for (const std::uint64_t number : {std::uint64_t{1} << 20, std::uint64_t{1} << 31, (std::uint64_t{1} << 32) - 1,
                                       std::uint64_t{1} << 40, std::uint64_t{1} << 61, UINT64_MAX})
      for (const std::size_t width : {4u, 8u}) {
        std::string file = good_;
        file.replace(at, width, little_endian(number).substr(0, width));
        accepted(file);
      }
}

TEST_P(CorruptFiles, AreReadOrRefusedWithPartsLeftOutOrRepeated) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int i = 0; i < 3000; ++i) {
    std::string file = good_;
    const std::string part = file.substr(below(file.size()), 1 + below(40));
    if (i % 2) file.erase(below(file.size()), 1 + below(40));
    file.insert(below(file.size()), part);
    accepted(file);
  }
}

/// Decimal numbers in the place of every number of the text, for the formats that are JSON.
TEST_P(CorruptFiles, AreReadOrRefusedWithLargeDecimalNumbersInJson) {
  for (std::size_t at = 0; at < good_.size(); ++at) {
    if (good_[at] < '0' || good_[at] > '9') continue;
    for (const char* number : {"-1", "9999", "4294967296", "9223372036854775807", "18446744073709551616", "1e400",
                               "0.5", "null", "{}", "[]", "\"\"", "true"}) {
      std::string file = good_;
      file.replace(at, 1, number);
      accepted(file);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(OfEveryFormat, CorruptFiles, testing::ValuesIn(formats()),
                         [](const auto& format) { return format.param.name; });

TEST(CorruptJson, IsRefusedWhenItIsNestedDeeplyOrNoUtf8OrHasAKeyTwice) {
  const std::string deep(200'000, '['), deep_objects = "{\"a\":" + std::string(65, '{');
  for (const std::string& json :
       {deep, deep_objects, std::string("{\"\xff\xfe\": 1}"), std::string("{\"a\": \"\xc3\"}"),
        std::string("{\"\xed\xa0\x80\": 1}"), std::string(R"({"model_type": "llama", "model_type": "llama"})")}) {
    EXPECT_FALSE(read_config(bytes_of(json)));
    EXPECT_FALSE(read_index(bytes_of(json)));
    EXPECT_FALSE(parse_safetensors(bytes_of(test_files::safetensors_file(json, ""))));
  }
}

TEST(CorruptGguf, MayHaveNamesThatAreNoUtf8) {
  const ModelConfig config = config_from_json(minute_config_json()).value();
  test_files::GgufWriter writer = test_files::llama_metadata(config);
  writer.set("\xff\xfe\x00", 7u).tensor("\xff\xc3", {4}, test_files::GgufWriter::kF32, std::string(16, '\0'));
  for (const auto& tensor : test_files::random_tensors(config))
    writer.tensor(test_files::ggml_name(tensor.name), tensor.shape, test_files::GgufWriter::kF32,
                  test_files::as_bytes(tensor.values));
  EXPECT_THAT(read_gguf(bytes_of(writer.file())).error().line(), HasSubstr("'\xff\xc3' has no place"));
}

TEST(CorruptConfig, ThatAsksForMoreBlocksThanTheFileHasTensorsCostsNothing) {
  Json json = minute_config_json();
  json["num_hidden_layers"] = 10'000;
  ModelConfig config = config_from_json(json).value();
  const std::string file =
      test_files::safetensors_file(test_files::random_tensors(config_from_json(minute_config_json()).value()));
  auto tensors = parse_safetensors(bytes_of(file)).value();
  const std::size_t before = g_allocated_bytes;
  EXPECT_THAT(complete({std::move(config), std::move(tensors)}).error().line(),
              HasSubstr("11 tensors are too few for 10000 blocks"));
  EXPECT_LT(g_allocated_bytes - before, std::size_t{64} << 10);
}

}  // namespace
}  // namespace sparsecim

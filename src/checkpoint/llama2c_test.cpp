#include "checkpoint/llama2c.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "checkpoint/test_files.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;
using test_files::TemporaryDirectory;
using test_files::write_file;
using testing::HasSubstr;

/// What a llama2.c file says of the tiny model: the format fixes the rest.
ModelConfig tiny_config(bool tied) {
  ModelConfig config = test_files::tiny_config();
  config.tied_embeddings = tied;
  config.eos_token_ids = {2, 1};
  return config;
}

std::string refusal(const std::string& file) {
  const auto contents = parse_llama2c(test_files::bytes_of(file));
  return contents ? "accepted" : contents.error().line();
}

class Llama2c : public TemporaryDirectory {};

TEST_F(Llama2c, GivesEveryTensorInHuggingFaceOrder) {
  for (const bool tied : {true, false}) {
    const ModelConfig config = tiny_config(tied);
    const auto tensors = test_files::random_tensors(config);
    write_file(directory_ / "tiny.bin", test_files::llama2c_file(config, tensors));
    const auto checkpoint = open_checkpoint(directory_ / "tiny.bin").value();
    EXPECT_EQ(checkpoint->config(), config);
    ASSERT_EQ(checkpoint->tensors().size(), tensors.size());
    for (const auto& [name, shape, values] : tensors) {
      std::vector<float> read(values.size());
      ASSERT_TRUE(checkpoint->find(name)) << name;
      EXPECT_EQ(checkpoint->find(name)->shape, shape);
      ASSERT_TRUE(checkpoint->read(*checkpoint->find(name), read));
      EXPECT_EQ(read, values) << name;
    }
  }
}

TEST_F(Llama2c, IsFoundInADirectoryBesideItsTokenizer) {
  const ModelConfig config = tiny_config(true);
  write_file(directory_ / "tiny.bin", test_files::llama2c_file(config, test_files::random_tensors(config)));
  write_file(directory_ / "tok40.bin", "x");
  EXPECT_THAT(open_checkpoint(directory_).value()->files(),
              testing::ElementsAre(directory_ / "tiny.bin", directory_ / "tok40.bin"));
  write_file(directory_ / "tokenizer.bin", "x");
  EXPECT_EQ(open_checkpoint(directory_).value()->files()[1], directory_ / "tokenizer.bin");
  write_file(directory_ / "other.bin", "x");
  EXPECT_THAT(open_checkpoint(directory_).error().line(), HasSubstr("2 files of weights in it; name one of them"));
}

TEST_F(Llama2c, TakesTheOnlyTokenizerOfAnotherName) {
  const ModelConfig config = tiny_config(true);
  write_file(directory_ / "tiny.bin", test_files::llama2c_file(config, test_files::random_tensors(config)));
  write_file(directory_ / "tok_mine.bin", "x");
  EXPECT_EQ(open_checkpoint(directory_ / "tiny.bin").value()->files().size(), 2u);
  write_file(directory_ / "tok_yours.bin", "x");
  EXPECT_EQ(open_checkpoint(directory_ / "tiny.bin").value()->files().size(), 1u);
}

TEST(Llama2cFile, IsRefusedWhereverItIsCutOffOrContinued) {
  const ModelConfig config = tiny_config(true);
  const std::string file = test_files::llama2c_file(config, test_files::random_tensors(config));
  EXPECT_EQ(refusal(file), "accepted");
  for (std::size_t size = 0; size < file.size(); size += size < 64 ? 1 : 997)
    EXPECT_NE(refusal(file.substr(0, size)), "accepted") << size << " bytes";
  EXPECT_NE(refusal(file.substr(0, file.size() - 1)), "accepted");
  EXPECT_THAT(refusal(file + "x"),
              HasSubstr(fmt::format("make {} bytes, the file has {}", file.size(), file.size() + 1)));
}

struct BadHeader {
  int field;
  std::int32_t value;
  const char* message;
};

TEST(Llama2cFile, IsRefusedWhenItsHeaderLies) {
  const ModelConfig config = tiny_config(true);
  const std::string good = test_files::llama2c_file(config, test_files::random_tensors(config));
  for (const auto& [field, value, message] :
       std::initializer_list<BadHeader>{{0, 0, "hidden size is 0"},
                                        {0, -64, "hidden size is -64"},
                                        {0, 62, "62 is not a multiple of the 4 heads"},
                                        {0, 0x616b3432, "llama2.c format version"},
                                        {0, INT32_MAX, "the hidden size"},
                                        {1, 0, "intermediate size is 0"},
                                        {1, 95, "the header's sizes make"},
                                        {1, 97, "inside 'RoPE's tables'"},
                                        {1, INT32_MAX, "intermediate size is 2147483647"},
                                        {2, 0, "number of blocks is 0"},
                                        {2, 10'000, "the file ends at byte"},
                                        {2, INT32_MAX, "number of blocks is 2147483647"},
                                        {3, 0, "multiple of the 0 heads"},
                                        {3, INT32_MIN, "heads"},
                                        {3, 64, "head size 1 is odd"},
                                        {4, 3, "4 heads cannot share 3"},
                                        {4, 0, "key/value heads is 0"},
                                        {5, 0, "vocabulary is 0"},
                                        {5, INT32_MIN, "vocabulary is 2147483648"},
                                        {5, 2, "token id 2 is not in the vocabulary of 2"},
                                        {5, -40, "the file ends at byte"},
                                        {6, 0, "positions is 0"},
                                        {6, INT32_MAX, "the file ends at byte"}}) {
    std::string file = good;
    file.replace(static_cast<std::size_t>(field) * 4, 4, test_files::little_endian(value));
    EXPECT_THAT(refusal(file), HasSubstr(message)) << "field " << field << " = " << value;
  }
}

TEST(Llama2cFile, OfAPublishedModelOpensWithItsSizes) {
  const char* data = std::getenv("SPARSECIM_DATA");
  if (!data) GTEST_SKIP() << "SPARSECIM_DATA is not set";
  const auto large = open_checkpoint(fs::path(data) / "models/stories15M/stories15M.bin").value();
  EXPECT_EQ(large->config().hidden_size, 288);
  EXPECT_EQ(large->config().vocab_size, 32000);
  EXPECT_TRUE(large->config().tied_embeddings);
  EXPECT_EQ(large->files()[1].filename(), "tokenizer.bin");
  const auto small = open_checkpoint(fs::path(data) / "models/stories260K").value();
  EXPECT_EQ(small->config().n_kv_heads, 4);
  EXPECT_EQ(small->config().n_heads, 8);
  EXPECT_EQ(small->files()[1].filename(), "tok512.bin");
  for (const TensorInfo& info : small->tensors()) {
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    EXPECT_TRUE(small->read(info, values)) << info.name;
  }
}

}  // namespace
}  // namespace sparsecim

// Against what others' tokenizers say of real vocabularies and real text.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.hpp"
#include "text/corpus.hpp"
#include "text/test_references.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<TokenId>;

class ReferenceData : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SPARSECIM_DATA");
    if (!folder) GTEST_SKIP() << "SPARSECIM_DATA is not set";
    data_ = folder;
  }

  std::unique_ptr<Tokenizer> gpt2() const {
    const Json file = read_json_file(data_ / "tokenizers/gpt2/tokenizer.json").value();
    return make_tokenizer(vocabulary_from_tokenizer_json(file, nullptr).value()).value();
  }
  std::unique_ptr<Tokenizer> llama2c(const char* path, std::int64_t size) const {
    const std::string bytes = read_text_file(data_ / path).value();
    return make_tokenizer(vocabulary_from_llama2c(bytes, size).value()).value();
  }
  std::unique_ptr<Tokenizer> sentencepiece() const {
    const std::string bytes = read_text_file(data_ / "tokenizers/llama2_tokenizer.model").value();
    return make_tokenizer(vocabulary_from_sentencepiece(bytes, {}).value()).value();
  }
  std::string text(const char* path) const { return read_text_file(data_ / path).value(); }

  fs::path data_;
};

TEST_F(ReferenceData, Gpt2sTokenizerJsonGivesLlamaCppsIds) {
  expect_reference_tokens(*gpt2(), data_ / "tokenizers/ggml-vocab/ggml-vocab-gpt-2.gguf");
}

TEST_F(ReferenceData, Llama2csTokenizerBinGivesLlamaCppsIds) {
  expect_reference_tokens(*llama2c("models/stories15M/tokenizer.bin", 32000),
                          data_ / "tokenizers/ggml-vocab/ggml-vocab-llama-spm.gguf");
}

TEST_F(ReferenceData, Llama2sTokenizerModelGivesLlamaCppsIds) {
  expect_reference_tokens(*sentencepiece(), data_ / "tokenizers/ggml-vocab/ggml-vocab-llama-spm.gguf");
}

TEST_F(ReferenceData, RealTextComesBackFromEveryTokenizer) {
  std::vector<std::unique_ptr<Tokenizer>> tokenizers;
  tokenizers.push_back(gpt2());
  tokenizers.push_back(llama2c("models/stories15M/tokenizer.bin", 32000));
  tokenizers.push_back(llama2c("models/stories260K/tok512.bin", 512));
  tokenizers.push_back(sentencepiece());
  for (const char* path : {"text/wikitext-2/wiki.test.raw", "text/tinystories_1000.txt"}) {
    const std::string original = text(path);
    for (const auto& tokenizer : tokenizers) {
      const Ids ids = tokenizer->encode(original).value();
      EXPECT_TRUE(tokenizer->decode(ids) == original) << path;
    }
  }
}

TEST_F(ReferenceData, WikiText2HasAsManyTokensOfGpt2AsIsPublished) {
  // 287,644: "token indices sequence length" in Hugging Face's guide "Perplexity of fixed-length models", which joins
  // the lines of wiki.test.raw by "\n\n" as this file does.
  EXPECT_EQ(gpt2()->encode(text("text/wikitext-2/wiki.test.joined.txt")).value().size(), 287644u);
}

TEST_F(ReferenceData, StoriesSplitIntoAThousandDocuments) {
  const auto corpus = read_corpus(data_ / "text/tinystories_1000.txt", "<|endoftext|>");
  ASSERT_TRUE(corpus) << corpus.error().line();
  EXPECT_EQ(corpus->documents.size(), 1000u);
}

}  // namespace
}  // namespace sparsecim

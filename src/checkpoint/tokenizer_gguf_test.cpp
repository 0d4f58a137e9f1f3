// Vocabularies of real GGUF files against llama.cpp's own tokenisations.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "checkpoint/gguf_model.hpp"
#include "text/test_references.hpp"

namespace sparsecim {
namespace {

class GgufTokenizers : public testing::TestWithParam<const char*> {};

TEST_P(GgufTokenizers, GiveLlamaCppsIds) {
  const char* data = std::getenv("SPARSECIM_DATA");
  if (!data) GTEST_SKIP() << "SPARSECIM_DATA is not set";
  const auto path = std::filesystem::path(data) / "tokenizers/ggml-vocab" / GetParam();
  const MappedFile file = MappedFile::open(path).value();
  const auto vocabulary = gguf_vocabulary(parse_gguf(file.bytes()).value());
  ASSERT_TRUE(vocabulary) << vocabulary.error().line();
  expect_reference_tokens(*make_tokenizer(*vocabulary).value(), path);
}

INSTANTIATE_TEST_SUITE_P(Files, GgufTokenizers,
                         testing::Values("ggml-vocab-gpt-2.gguf", "ggml-vocab-llama-spm.gguf",
                                         "ggml-vocab-phi-3.gguf"));

}  // namespace
}  // namespace sparsecim

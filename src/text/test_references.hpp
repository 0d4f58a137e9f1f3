#pragma once

// llama.cpp's reference tokenisations, for tests: NAME.gguf.inp has texts between marks, NAME.gguf.out a line of ids
// for each.

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

/// `gguf` is the path of NAME.gguf.
inline void expect_reference_tokens(const Tokenizer& tokenizer, const std::filesystem::path& gguf) {
  const std::string texts = read_text_file(gguf.string() + ".inp").value();
  std::istringstream lines(read_text_file(gguf.string() + ".out").value());
  constexpr std::string_view kMark = "\n__ggml_vocab_test__\n";
  std::size_t begin = 0;
  int compared = 0;
  for (std::string line; std::getline(lines, line); ++compared) {
    const std::size_t end = texts.find(kMark, begin);
    ASSERT_NE(end, std::string::npos);
    std::istringstream numbers(line);
    const std::vector<TokenId> expected{std::istream_iterator<TokenId>(numbers), {}};
    const std::string text = texts.substr(begin, end - begin);
    EXPECT_EQ(tokenizer.encode(text).value(), expected) << "'" << text << "'";
    EXPECT_EQ(tokenizer.decode(expected), text);
    begin = end + kMark.size();
  }
  EXPECT_EQ(compared, 46);
}

}  // namespace sparsecim

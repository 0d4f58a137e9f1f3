// The vocabulary of a GGUF file, written as lines so that a fuzzer gets somewhere: the tokenizer's keys, one per line;
// an empty line; a type, a score and a text per token; an empty line; a merge per line; an empty line; a text to
// encode.

#include <charconv>

#include "input.hpp"
#include "targets.hpp"
#include "tokenize.hpp"

namespace sparsecim::fuzz {
namespace {

template <class Number>
Number number(std::string_view text) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void set(GgufTokenizer& gguf, std::string_view key, std::string_view value) {
  if (key == "name") gguf.model_name = value;
  if (key == "model") gguf.model = value;
  if (key == "pre") gguf.pre = value;
  if (key == "template") gguf.chat_template = value;
  if (key == "add_bos") gguf.add_bos = value == "true";
  if (key == "add_eos") gguf.add_eos = value == "true";
  if (key == "add_space_prefix") gguf.add_space_prefix = value == "true";
  if (key == "bos") gguf.bos = number<std::int64_t>(value);
  if (key == "eos") gguf.eos = number<std::int64_t>(value);
  if (key == "unknown") gguf.unknown = number<std::int64_t>(value);
}

/// "bytes" as a token's text: all 256 of them, as either kind spells them.
void add_token(GgufTokenizer& gguf, std::string_view line) {
  const auto type = number<std::int32_t>(take_until(line, " "));
  const auto score = number<float>(take_until(line, " "));
  gguf.token_types.push_back(type);
  gguf.scores.push_back(score);
  gguf.tokens.emplace_back(line);
}

void add_byte_tokens(GgufTokenizer& gguf) {
  for (int byte = 0; byte < 256; ++byte) add_token(gguf, fmt::format("6 0 <0x{:02X}>", byte));
}

}  // namespace

void gguf_vocabulary(std::string_view input) {
  GgufTokenizer gguf;
  for (auto lines = take_until(input, "\n\n"); !lines.empty();) {
    std::string_view line = take_until(lines, "\n");
    const std::string_view key = take_until(line, "=");
    set(gguf, key, line);
  }
  for (auto lines = take_until(input, "\n\n"); !lines.empty();) {
    const std::string_view line = take_until(lines, "\n");
    line == "bytes" ? add_byte_tokens(gguf) : add_token(gguf, line);
  }
  for (auto lines = take_until(input, "\n\n"); !lines.empty();) gguf.merges.emplace_back(take_until(lines, "\n"));
  if (const auto vocabulary = vocabulary_from_gguf(std::move(gguf))) tokenize(*vocabulary, input);
}

}  // namespace sparsecim::fuzz

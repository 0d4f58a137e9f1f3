#include "model/generate.hpp"

#include "cli/tensor/common.hpp"

namespace sparsecim {
namespace {

/// Writes text as it grows. Ids decode together, since a token may end inside a UTF-8 character: only what is whole is
/// printed, the rest waits for the next token.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, std::vector<TokenId> prompt) : tokenizer_(tokenizer), ids_(std::move(prompt)) {
    print();
  }
  void add(TokenId id) {
    ids_.push_back(id);
    print();
  }

 private:
  void print() {
    const std::string text = tokenizer_.decode_for_reading(ids_);
    const std::size_t whole = without_cut_character(text);
    if (whole > printed_) fmt::print("{}", std::string_view(text).substr(printed_, whole - printed_));
    std::fflush(stdout);
    printed_ = std::max(printed_, whole);
  }

  /// The length of `text` without a UTF-8 character that its end cuts.
  static std::size_t without_cut_character(std::string_view text) {
    for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
      const auto byte = static_cast<unsigned char>(text[text.size() - back]);
      if ((byte & 0xC0) == 0x80) continue;  // a continuation byte: its lead is further back
      const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
      return length > back ? text.size() - back : text.size();
    }
    return text.size();
  }

  const Tokenizer& tokenizer_;
  std::vector<TokenId> ids_;
  std::size_t printed_ = 0;
};

}  // namespace

Result<void> run_generate(const GenerateRequest& request) {
  SC_TRY_ASSIGN(const OpenModel model, load_requested(request));
  SC_TRY_ASSIGN(std::vector<TokenId> prompt, model.tokenizer->encode_as_model(request.prompt));
  TextStream stream(*model.tokenizer, prompt);
  const GenerationOptions options{.tokens = request.tokens, .temperature = request.temperature, .seed = request.seed};
  const auto produced = generate(model.llama, std::move(prompt), options, [&](TokenId id) { stream.add(id); });
  fmt::print("\n");
  if (!produced) return tl::unexpected(produced.error());
  return {};
}

}  // namespace sparsecim

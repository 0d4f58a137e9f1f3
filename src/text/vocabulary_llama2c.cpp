// A vocabulary from llama2.c's tokenizer.bin, whose layout its export script and run.c define.

#include <cmath>
#include <span>

#include "base/bytes.hpp"
#include "text/space_mark.hpp"
#include "text/utf8.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {
namespace {

using Token = Vocabulary::Token;
using TokenKind = Vocabulary::TokenKind;

constexpr std::int64_t kFirstByte = 3, kSpecialAndBytes = kFirstByte + 256;
const Remedy kAnotherModels{"give the tokenizer.bin that belongs to this model"};

/// Reads values one behind the other.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  Result<T> number() {
    SC_TRY_ASSIGN(const std::string_view bytes, text(sizeof(T)));
    return load<T>(std::as_bytes(std::span(bytes)).data());
  }
  Result<std::string_view> text(std::size_t size) {
    if (size > rest_.size())
      return fail(Remedy{"get the file again"}, "truncated: {} bytes are missing", size - rest_.size());
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

/// The text by which tokenizer.json knows the token: spaces marked, and no line ends around BOS and EOS.
Result<Token> named_token(std::int64_t id, std::string_view text) {
  if (id == 0 && text == "<unk>") return Token{"<unk>", TokenKind::kUnknown};
  if (id == 1 && strip_white_space(text) == "<s>") return Token{"<s>", TokenKind::kControl};
  if (id == 2 && strip_white_space(text) == "</s>") return Token{"</s>", TokenKind::kControl};
  if (id < kFirstByte) return fail("is '{}', where <unk>, <s> and </s> come first", text);
  if (id >= kSpecialAndBytes) return Token{replace_all(text, " ", kSpaceMark), TokenKind::kNormal};
  if (text != fmt::format("<0x{:02X}>", id - kFirstByte)) return fail("is '{}', not byte {}", text, id - kFirstByte);
  return Token{std::string(text), TokenKind::kByte};
}

Result<void> read_token(Reader& reader, std::int64_t id, std::int32_t longest, Vocabulary& vocabulary) {
  SC_TRY_ASSIGN(const float score, reader.number<float>());
  SC_TRY_ASSIGN(const std::int32_t length, reader.number<std::int32_t>());
  if (!std::isfinite(score)) return fail("its score is not finite");
  if (length < 1 || length > longest) return fail("its length is {}, outside 1 .. {}", length, longest);
  SC_TRY_ASSIGN(const std::string_view text, reader.text(static_cast<std::size_t>(length)));
  if (valid_utf8_prefix(text) != text.size()) return fail("its text is not UTF-8");
  SC_TRY_ASSIGN(Token token, named_token(id, text));
  vocabulary.tokens.push_back(std::move(token));
  vocabulary.scores.push_back(score);
  return {};
}

}  // namespace

Result<Vocabulary> vocabulary_from_llama2c(std::string_view bytes, std::int64_t size) {
  if (size < kSpecialAndBytes)
    return fail(kAnotherModels, "a vocabulary of {} tokens has no place for all bytes: at least {}", size,
                kSpecialAndBytes);
  Vocabulary vocabulary;
  vocabulary.kind = Vocabulary::Kind::kScoreBpe;
  Reader reader(bytes);
  SC_TRY_ASSIGN(const std::int32_t longest, reader.number<std::int32_t>());
  for (std::int64_t id = 0; id < size; ++id)
    SC_TRY(within(fmt::format("token {} of {}", id, size), read_token(reader, id, longest, vocabulary)));
  if (reader.left() > 0)
    return fail(kAnotherModels, "{} bytes are left behind the {} tokens of the model", reader.left(), size);
  vocabulary.space_prefix = Vocabulary::SpacePrefix::kEverySegment;
  vocabulary.add_bos = true;
  vocabulary.unknown = 0, vocabulary.bos = 1, vocabulary.eos = 2;
  return vocabulary;
}

}  // namespace sparsecim

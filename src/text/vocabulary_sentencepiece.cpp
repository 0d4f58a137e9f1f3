// A vocabulary from SentencePiece's tokenizer.model: fields, numbers and defaults as sentencepiece_model.proto has
// them.

#include <array>
#include <cmath>
#include <protozero/pbf_reader.hpp>

#include "text/merges.hpp"
#include "text/tokenizer_json.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

using Token = Vocabulary::Token;
using TokenKind = Vocabulary::TokenKind;
using Message = protozero::pbf_reader;

constexpr std::uint32_t varint(std::uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::varint);
}
constexpr std::uint32_t bytes(std::uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::length_delimited);
}
constexpr std::uint32_t fixed32(std::uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::fixed32);
}

/// The library's get_bool looks at the first byte before it knows that there is one.
bool take_bool(Message& message) { return message.get_uint64() != 0; }

std::string_view take_text(Message& message) {
  const protozero::data_view view = message.get_view();
  return {view.data(), view.size()};
}

struct Piece {
  std::string_view text;
  float score = 0;
  std::uint64_t type = 1;
};

/// What decides how pieces are found: of trainer_spec and normalizer_spec.
struct Rules {
  std::uint64_t model_type = 1;
  bool byte_fallback = false, white_space_as_suffix = false;
  std::string_view bos = "<s>", eos = "</s>";
  std::string_view normalizer;
  bool has_characters_map = false;  // precompiled_charsmap
  bool dummy_prefix = true, removes_extra_white_space = true, escapes_white_space = true;
};

struct Model {
  std::vector<Piece> pieces;
  Rules rules;
};

// The readers of messages throw protozero's exceptions where the bytes are no message.

Piece read_piece(Message message) {
  Piece piece;
  while (message.next()) {
    switch (message.tag_and_type()) {
      case bytes(1):
        piece.text = take_text(message);
        break;
      case fixed32(2):
        piece.score = message.get_float();
        break;
      case varint(3):
        piece.type = message.get_uint64();
        break;
      default:
        message.skip();
    }
  }
  return piece;
}

void read_trainer_spec(Message message, Rules& rules) {
  while (message.next()) {
    switch (message.tag_and_type()) {
      case varint(3):
        rules.model_type = message.get_uint64();
        break;
      case varint(24):
        rules.white_space_as_suffix = take_bool(message);
        break;
      case varint(35):
        rules.byte_fallback = take_bool(message);
        break;
      case bytes(46):
        rules.bos = take_text(message);
        break;
      case bytes(47):
        rules.eos = take_text(message);
        break;
      default:
        message.skip();
    }
  }
}

void read_normalizer_spec(Message message, Rules& rules) {
  while (message.next()) {
    switch (message.tag_and_type()) {
      case bytes(1):
        rules.normalizer = take_text(message);
        break;
      case bytes(2):
        rules.has_characters_map = message.get_view().size() > 0;
        break;
      case varint(3):
        rules.dummy_prefix = take_bool(message);
        break;
      case varint(4):
        rules.removes_extra_white_space = take_bool(message);
        break;
      case varint(5):
        rules.escapes_white_space = take_bool(message);
        break;
      default:
        message.skip();
    }
  }
}

Model read_model(Message message) {
  Model model;
  while (message.next()) {
    switch (message.tag_and_type()) {
      case bytes(1):
        model.pieces.push_back(read_piece(message.get_message()));
        break;
      case bytes(2):
        read_trainer_spec(message.get_message(), model.rules);
        break;
      case bytes(3):
        read_normalizer_spec(message.get_message(), model.rules);
        break;
      default:
        message.skip();
    }
  }
  return model;
}

Result<Model> parse_model(std::string_view file) {
  try {
    return read_model(Message(file.data(), file.size()));
  } catch (const protozero::exception& error) {
    return fail(Remedy{"get the file again"}, "not a SentencePiece model, or truncated ({})", error.what());
  }
}

Result<void> check_rules(const Rules& rules) {
  constexpr std::array kModels = {"Unigram", "BPE", "word", "character"};
  if (rules.model_type != 2) {
    const bool known = rules.model_type >= 1 && rules.model_type <= kModels.size();
    return fail(Remedy{"BPE is"}, "trainer_spec: a model of type {} ({}) is not implemented", rules.model_type,
                known ? kModels[rules.model_type - 1] : "unknown");
  }
  if (!rules.byte_fallback) return fail("trainer_spec: a model without byte_fallback is not implemented");
  if (rules.white_space_as_suffix) return fail("trainer_spec: treat_whitespace_as_suffix is not implemented");
  if (rules.has_characters_map)
    return fail(Remedy{"identity is"}, "normalizer_spec: '{}', a map of characters, is not implemented",
                rules.normalizer);
  if (rules.removes_extra_white_space) return fail("normalizer_spec: remove_extra_whitespaces is not implemented");
  if (!rules.escapes_white_space) return fail("normalizer_spec: spaces that are not escaped are not implemented");
  return {};
}

/// SentencePiece.Type. Unused pieces, which are merged through but never come out, are those of a vocabulary cut down
/// after training.
Result<TokenKind> piece_kind(const Piece& piece) {
  switch (piece.type) {
    case 1:
      return TokenKind::kNormal;
    case 2:
      return TokenKind::kUnknown;
    case 3:
      return TokenKind::kControl;
    case 4:
      return TokenKind::kUserDefined;
    case 6:
      if (!is_byte_name(piece.text)) return fail("'{}' is no name of a byte", piece.text);
      return TokenKind::kByte;
    default:
      return fail("a piece of type {}{} is not implemented", piece.type, piece.type == 5 ? " (unused)" : "");
  }
}

Result<void> add_piece(Vocabulary& vocabulary, const Piece& piece) {
  if (piece.text.empty()) return fail("has no text");
  if (valid_utf8_prefix(piece.text) != piece.text.size()) return fail("its text is not UTF-8");
  if (!std::isfinite(piece.score)) return fail("its score is not finite");
  SC_TRY_ASSIGN(const TokenKind kind, piece_kind(piece));
  if (kind == TokenKind::kUnknown) {
    if (vocabulary.unknown) return fail("is a second unknown piece");
    vocabulary.unknown = static_cast<TokenId>(vocabulary.tokens.size());
  }
  vocabulary.tokens.push_back({std::string(piece.text), kind});
  vocabulary.scores.push_back(piece.score);
  return {};
}

/// SentencePiece merges neighbouring characters whether they are pieces or not; ours are tokens before they are merged.
Result<void> check_characters(const Vocabulary& vocabulary, const TokenIndex& index) {
  for (const Token& token : vocabulary.tokens) {
    if (token.kind != TokenKind::kNormal) continue;
    for (std::string_view rest = token.text; !rest.empty();) {
      const std::string_view character = rest.substr(0, first_code_point(rest).bytes);
      if (!index.contains(character))
        return fail("piece '{}': its character '{}' is no piece, which is not implemented", token.text, character);
      rest.remove_prefix(character.size());
    }
  }
  return {};
}

std::optional<TokenId> control_token(const Vocabulary& vocabulary, const TokenIndex& index, std::string_view text) {
  const auto found = index.find(text);
  if (found == index.end()) return {};
  const Token& token = vocabulary.tokens[static_cast<std::size_t>(found->second)];
  return token.kind == TokenKind::kControl ? std::optional(found->second) : std::nullopt;
}

Result<Vocabulary> vocabulary_of(const Model& model) {
  SC_TRY(check_rules(model.rules));
  Vocabulary vocabulary;
  vocabulary.kind = Vocabulary::Kind::kScoreBpe;
  for (const Piece& piece : model.pieces)
    SC_TRY(within(fmt::format("piece {}", vocabulary.tokens.size()), add_piece(vocabulary, piece)));
  if (!vocabulary.unknown) return fail("there is no unknown piece");
  SC_TRY_ASSIGN(const TokenIndex index, index_tokens(vocabulary));
  SC_TRY(check_characters(vocabulary, index));
  vocabulary.bos = control_token(vocabulary, index, model.rules.bos);
  vocabulary.eos = control_token(vocabulary, index, model.rules.eos);
  vocabulary.space_prefix =
      model.rules.dummy_prefix ? Vocabulary::SpacePrefix::kEverySegment : Vocabulary::SpacePrefix::kNever;
  return vocabulary;
}

}  // namespace

Result<Vocabulary> vocabulary_from_sentencepiece(std::string_view file, const TokenizerCompanions& companions) {
  SC_TRY_ASSIGN(const Model model, parse_model(file));
  SC_TRY_ASSIGN(Vocabulary vocabulary, vocabulary_of(model));
  SC_TRY(read_companions(vocabulary, companions));
  return vocabulary;
}

}  // namespace sparsecim

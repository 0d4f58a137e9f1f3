// A vocabulary from a GGUF file's metadata: keys as ggml's docs/gguf.md, defaults as llama.cpp's vocabulary loader.

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "text/splits.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {
namespace {

using Token = Vocabulary::Token;
using TokenKind = Vocabulary::TokenKind;

struct PreTokenizer {
  std::vector<std::string> splits;
  bool whole_pieces_first = false;
  bool add_bos = false;
  bool nfc = false;
};

/// What llama.cpp does for a value of tokenizer.ggml.pre.
Result<PreTokenizer> pre_tokenizer(const std::string& name) {
  const auto is_one_of = [&](auto... names) { return ((name == names) || ...); };
  if (is_one_of("gpt-2", "phi-2")) return PreTokenizer{{kGpt2Split}};
  if (is_one_of("smollm", "starcoder", "refact", "codeshell", "command-r"))
    return PreTokenizer{{kSingleDigitSplit, kGpt2Split}};
  if (is_one_of("llama-bpe", "llama3", "llama-v3", "falcon3"))
    return PreTokenizer{{kLlama3Split}, /*whole_pieces_first=*/true, /*add_bos=*/true};
  if (name == "tekken") return PreTokenizer{{kTekkenSplit}, /*whole_pieces_first=*/true, /*add_bos=*/true};
  // llama.cpp leaves out the normal form that Qwen2's own tokenizer.json begins with.
  if (is_one_of("qwen2", "deepseek-r1-qwen")) return PreTokenizer{.splits = {kQwen2Split}, .nfc = true};
  if (name == "default") return PreTokenizer{{R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Split, R"(\p{N}+)", "[0-9][0-9][0-9]"}};
  const Remedy remedy{
      "those are known: gpt-2, phi-2, smollm, starcoder, refact, codeshell, command-r, llama-bpe, qwen2, tekken, "
      "default"};
  if (name.empty())
    return fail(Remedy{"convert the model again: its file is from before that key was written"},
                "tokenizer.ggml.pre is missing");
  return fail(remedy, "tokenizer.ggml.pre: '{}' is not implemented", name);
}

/// tokenizer.ggml.token_type, as numbered in ggml's docs/gguf.md. Unused tokens (5) are made like normal ones, as
/// llama.cpp does.
Result<TokenKind> token_kind(std::int32_t type, std::size_t id) {
  constexpr std::array kKinds = {TokenKind::kNormal,      TokenKind::kUnknown, TokenKind::kControl,
                                 TokenKind::kUserDefined, TokenKind::kNormal,  TokenKind::kByte};
  if (type < 1 || type > static_cast<std::int32_t>(kKinds.size()))
    return fail("tokenizer.ggml.token_type: token {} has type {}, outside 1 .. {}", id, type, kKinds.size());
  return kKinds[static_cast<std::size_t>(type - 1)];
}

Result<std::vector<Token>> tokens_with_kinds(GgufTokenizer& gguf) {
  if (gguf.tokens.empty()) return fail("tokenizer.ggml.tokens is missing or empty");
  if (!gguf.token_types.empty() && gguf.token_types.size() != gguf.tokens.size())
    return fail("tokenizer.ggml.token_type has {} entries for {} tokens", gguf.token_types.size(), gguf.tokens.size());
  std::vector<Token> tokens(gguf.tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    tokens[id].text = std::move(gguf.tokens[id]);
    if (gguf.token_types.empty()) continue;
    SC_TRY_ASSIGN(tokens[id].kind, token_kind(gguf.token_types[id], id));
  }
  return tokens;
}

Result<std::optional<TokenId>> token_id(std::string_view key, std::optional<std::int64_t> id, std::size_t size) {
  if (!id) return std::optional<TokenId>{};
  if (*id < 0 || static_cast<std::uint64_t>(*id) >= size)
    return fail("tokenizer.ggml.{} is {}, but there are {} tokens", key, *id, size);
  return std::optional(static_cast<TokenId>(*id));
}

Result<void> name_special_tokens(Vocabulary& vocabulary, GgufTokenizer& gguf) {
  const std::size_t size = vocabulary.tokens.size();
  if (gguf.model == "llama" && size > 2) {  // SentencePiece's own numbers where the file gives none
    gguf.unknown = gguf.unknown.value_or(0);
    gguf.bos = gguf.bos.value_or(1);
    gguf.eos = gguf.eos.value_or(2);
  }
  SC_TRY_ASSIGN(vocabulary.bos, token_id("bos_token_id", gguf.bos, size));
  SC_TRY_ASSIGN(vocabulary.eos, token_id("eos_token_id", gguf.eos, size));
  SC_TRY_ASSIGN(vocabulary.unknown, token_id("unknown_token_id", gguf.unknown, size));
  vocabulary.add_eos = gguf.add_eos.value_or(false);
  return {};
}

/// "left right" at the first space behind the first character, since no token of the printable alphabet has one.
Result<void> add_merges(Vocabulary& vocabulary, const std::vector<std::string>& merges) {
  if (merges.empty()) return fail("tokenizer.ggml.merges is missing or empty");
  vocabulary.merges.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto space = merges[rank].find(' ', 1);
    if (space == std::string::npos)
      return fail("tokenizer.ggml.merges: entry {}, '{}', is no pair", rank, merges[rank]);
    vocabulary.merges.emplace_back(merges[rank].substr(0, space), merges[rank].substr(space + 1));
  }
  return {};
}

Result<void> add_byte_level(Vocabulary& vocabulary, const GgufTokenizer& gguf) {
  SC_TRY_ASSIGN(PreTokenizer pre, pre_tokenizer(gguf.pre));
  vocabulary.kind = Vocabulary::Kind::kByteLevelBpe;
  vocabulary.splits = std::move(pre.splits);
  vocabulary.nfc = pre.nfc;
  vocabulary.whole_pieces_first = pre.whole_pieces_first;
  vocabulary.add_bos = gguf.add_bos.value_or(pre.add_bos);
  vocabulary.unknown = {};  // llama.cpp leaves out a byte that has no token
  return add_merges(vocabulary, gguf.merges);
}

/// Phi-3's special tokens take the white space behind them; its files do not say so, and llama.cpp goes by the name.
void strip_right_of_special_tokens_of_phi3(Vocabulary& vocabulary, std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name.find("phi3") == std::string::npos && name.find("phi-3") == std::string::npos) return;
  for (Token& token : vocabulary.tokens) {
    const bool recognised = token.kind != TokenKind::kNormal && token.kind != TokenKind::kByte;
    const bool plain = token.text == "<unk>" || token.text == "<s>" || token.text == "<|endoftext|>";
    token.strips_right = recognised && !plain;
  }
}

Result<void> add_score_bpe(Vocabulary& vocabulary, GgufTokenizer& gguf) {
  const std::size_t size = vocabulary.tokens.size();
  if (gguf.scores.size() != size)
    return fail("tokenizer.ggml.scores has {} entries for {} tokens", gguf.scores.size(), size);
  const auto bad =
      std::find_if(gguf.scores.begin(), gguf.scores.end(), [](float score) { return !std::isfinite(score); });
  if (bad != gguf.scores.end())
    return fail("tokenizer.ggml.scores: the score of token {} is not finite", bad - gguf.scores.begin());
  vocabulary.kind = Vocabulary::Kind::kScoreBpe;
  vocabulary.scores = std::move(gguf.scores);
  vocabulary.space_prefix =
      gguf.add_space_prefix.value_or(true) ? Vocabulary::SpacePrefix::kEverySegment : Vocabulary::SpacePrefix::kNever;
  vocabulary.add_bos = gguf.add_bos.value_or(true);
  strip_right_of_special_tokens_of_phi3(vocabulary, gguf.model_name);
  return {};
}

}  // namespace

Result<Vocabulary> vocabulary_from_gguf(GgufTokenizer gguf) {
  Vocabulary vocabulary;
  SC_TRY_ASSIGN(vocabulary.tokens, tokens_with_kinds(gguf));
  SC_TRY(name_special_tokens(vocabulary, gguf));
  vocabulary.chat_template = std::move(gguf.chat_template);
  if (gguf.model == "gpt2") {
    SC_TRY(add_byte_level(vocabulary, gguf));
  } else if (gguf.model == "llama") {
    SC_TRY(add_score_bpe(vocabulary, gguf));
  } else {
    return fail(Remedy{"gpt2 (byte-level BPE) and llama (BPE by scores) are"},
                "tokenizer.ggml.model: '{}' is not implemented", gguf.model);
  }
  if (vocabulary.add_bos && !vocabulary.bos)
    return fail("BOS is to be added, but tokenizer.ggml.bos_token_id is missing");
  if (vocabulary.add_eos && !vocabulary.eos)
    return fail("EOS is to be added, but tokenizer.ggml.eos_token_id is missing");
  return vocabulary;
}

}  // namespace sparsecim

#pragma once

namespace sparsecim {

// The regular expressions by which byte-level tokenizers cut a text before merging: part of the definition of each.

/// GPT-2 (Radford et al. 2019, the released encoder): contractions, words, numbers, the rest, white space.
inline constexpr char kGpt2Split[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// Llama-3's tokenizer.json: contractions in either case, numbers by up to three digits, line ends apart.
inline constexpr char kLlama3Split[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// Qwen2's and Qwen2.5's: as Llama-3's, but each digit by itself.
inline constexpr char kQwen2Split[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// Mistral-NeMo's ("tekken"): words also end where a capital follows a small letter; each digit by itself.
inline constexpr char kTekkenSplit[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
/// Each digit by itself (SmolLM, StarCoder): `Digits` with individual_digits in tokenizer.json.
inline constexpr char kSingleDigitSplit[] = R"(\p{N})";
/// Runs of digits by themselves: `Digits` without individual_digits.
inline constexpr char kDigitsSplit[] = R"(\p{N}+)";

}  // namespace sparsecim

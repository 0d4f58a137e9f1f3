#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {

/// A text to calibrate or evaluate on.
struct Corpus {
  std::vector<std::string> documents;  // the whole text, untouched, or its documents
  bool split = false;                  // whether a separator made documents of it
};

/// `text` as it is, or split at every `separator` into documents: white space at both ends of each is stripped, empty
/// ones are dropped. Errors: nothing but white space; not UTF-8; an empty separator.
Result<Corpus> corpus_from_text(std::string text, const std::optional<std::string>& separator);
/// What `--text` and `--split` name. Errors also: the file's; the path is in front of each.
Result<Corpus> read_corpus(const std::filesystem::path& file, const std::optional<std::string>& separator);

// Samples for calibration. The same arguments give the same sample on every machine. REQUIRES: length, count >= 1.

/// `count` windows of `length` consecutive ids in the order of the text, one from each of `count` equal parts of it;
/// none overlaps another unless the text is too short for that. Errors: `ids` are fewer than one window.
Result<std::vector<std::vector<TokenId>>> sample_windows(std::span<const TokenId> ids, std::int64_t length,
                                                         std::int64_t count, std::uint64_t seed);
/// Indices of `count` different documents of `n_documents`, in a random order; of all, if there are fewer.
std::vector<std::size_t> draw_documents(std::size_t n_documents, std::int64_t count, std::uint64_t seed);

}  // namespace sparsecim

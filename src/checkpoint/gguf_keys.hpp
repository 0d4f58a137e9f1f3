#pragma once

#include "checkpoint/gguf.hpp"

namespace sparsecim {

// The value of a key of the metadata, with the key in front of every error.

Result<std::int64_t> integer_of(const Gguf& gguf, const std::string& key);
Result<std::int64_t> integer_of(const Gguf& gguf, const std::string& key, std::int64_t otherwise);
Result<double> number_of(const Gguf& gguf, const std::string& key, double otherwise);
Result<std::string> string_of(const Gguf& gguf, const std::string& key, std::string_view otherwise);
Result<std::optional<bool>> maybe_bool(const Gguf& gguf, const std::string& key);
Result<std::optional<std::int64_t>> maybe_integer(const Gguf& gguf, const std::string& key);

/// Empty where there is no such key; `Read` is gguf_strings, gguf_numbers or gguf_integers.
template <class Read>
auto array_of(const Gguf& gguf, const std::string& key, Read read) -> decltype(read(GgufValue{})) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, read(*value)) : decltype(read(GgufValue{}))();
}

}  // namespace sparsecim

#include "checkpoint/gguf_keys.hpp"

namespace sparsecim {

Result<std::int64_t> integer_of(const Gguf& gguf, const std::string& key) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, gguf_integer(*value)) : fail("metadata '{}' is missing", key);
}

Result<std::int64_t> integer_of(const Gguf& gguf, const std::string& key, std::int64_t otherwise) {
  return gguf.find(key) ? integer_of(gguf, key) : otherwise;
}

Result<double> number_of(const Gguf& gguf, const std::string& key, double otherwise) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, gguf_number(*value)) : otherwise;
}

Result<std::string> string_of(const Gguf& gguf, const std::string& key, std::string_view otherwise) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, gguf_string(*value)) : std::string(otherwise);
}

Result<std::optional<bool>> maybe_bool(const Gguf& gguf, const std::string& key) {
  const GgufValue* value = gguf.find(key);
  if (!value) return std::optional<bool>();
  return within(key, gguf_bool(*value)).map([](bool known) { return std::optional(known); });
}

Result<std::optional<std::int64_t>> maybe_integer(const Gguf& gguf, const std::string& key) {
  if (!gguf.find(key)) return std::optional<std::int64_t>();
  return integer_of(gguf, key).map([](std::int64_t known) { return std::optional(known); });
}

}  // namespace sparsecim

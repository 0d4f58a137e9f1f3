#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sparsecim {

using Json = nlohmann::ordered_json;  // keeps the order in which keys were written: files read like documents

/// Errors: not JSON (with the place in bytes), a key twice in one object, more than 64 levels of brackets.
Result<Json> parse_json(std::string_view text);
/// Errors also: the file's; the path is in front of each.
Result<Json> read_json_file(const std::filesystem::path& path);
/// Indented, with a newline at the end; complete or not at all.
Result<void> write_json_file(const std::filesystem::path& path, const Json& value);

/// The member `key` of `object`. Errors: `object` is no object, the key is missing, its value has another type or lies
/// outside [low, high].
Result<std::int64_t> get_integer(const Json& object, const std::string& key, std::int64_t low, std::int64_t high);
Result<double> get_number(const Json& object, const std::string& key);
Result<bool> get_bool(const Json& object, const std::string& key);
Result<std::string> get_string(const Json& object, const std::string& key);

/// Whether `object` has `key` with a value other than null.
bool has(const Json& object, const std::string& key);

}  // namespace sparsecim

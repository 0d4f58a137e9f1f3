#include "base/json.hpp"

#include <cmath>

#include "base/file.hpp"

namespace sparsecim {
namespace {

Result<const Json*> member(const Json& object, const std::string& key) {
  if (!object.is_object()) return fail("'{}' is looked for in something that is not an object", key);
  const auto found = object.find(key);
  if (found == object.end()) return fail("'{}' is missing", key);
  return &*found;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return fail("not valid JSON at byte {}", error.byte);
  } catch (const Json::exception&) {
    return fail("not valid JSON: a number is out of range");
  }
}

Result<Json> read_json_file(const std::filesystem::path& path) {
  SC_TRY_ASSIGN(const std::string text, read_text_file(path));
  return within(path.string(), parse_json(text));
}

Result<void> write_json_file(const std::filesystem::path& path, const Json& value) {
  return write_text_file(path, value.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<std::int64_t> get_integer(const Json& object, const std::string& key, std::int64_t low, std::int64_t high) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_number_integer()) return fail("'{}' is not a whole number", key);
  const bool too_large =
      value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = too_large ? INT64_MAX : value->get<std::int64_t>();
  if (too_large || number < low || number > high)
    return fail("'{}' is {}, outside {} .. {}", key, value->dump(), low, high);
  return number;
}

Result<double> get_number(const Json& object, const std::string& key) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_number()) return fail("'{}' is not a number", key);
  const double number = value->get<double>();
  if (!std::isfinite(number)) return fail("'{}' is not finite", key);
  return number;
}

Result<bool> get_bool(const Json& object, const std::string& key) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_boolean()) return fail("'{}' is neither true nor false", key);
  return value->get<bool>();
}

Result<std::string> get_string(const Json& object, const std::string& key) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_string()) return fail("'{}' is not a string", key);
  return value->get<std::string>();
}

bool has(const Json& object, const std::string& key) {
  if (!object.is_object()) return false;
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

}  // namespace sparsecim

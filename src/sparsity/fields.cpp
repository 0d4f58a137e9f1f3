#include "sparsity/fields.hpp"

namespace sparsecim {

Result<void> check_schema(const Json& json, std::string_view format, std::int64_t version) {
  SC_TRY_ASSIGN(const std::string found, get_string(json, "format"));
  if (found != format) return fail("'format' is '{}', not '{}'", found, format);
  SC_TRY_ASSIGN(const std::int64_t found_version, get_integer(json, "schema_version", 0, INT64_MAX));
  if (found_version != version)
    return fail(Remedy{"make the file again with this build"}, "schema version {} is not the {} that this build reads",
                found_version, version);
  return {};
}

Result<const Json*> get_list(const Json& object, const std::string& key) {
  if (!has(object, key)) return fail("'{}' is missing", key);
  const Json& list = object.at(key);
  if (!list.is_array()) return fail("'{}' is not a list", key);
  return &list;
}

Result<double> get_number_within(const Json& object, const std::string& key, double low, double high) {
  SC_TRY_ASSIGN(const double number, get_number(object, key));
  if (number < low || number > high) return fail("'{}' is {}, outside {} .. {}", key, number, low, high);
  return number;
}

namespace {

Result<std::int64_t> dimension(const Json& number) {
  return get_integer(Json{{"shape", number}}, "shape", 1, kLargestDimension);
}

}  // namespace

Result<MatrixShape> get_shape(const Json& object) {
  SC_TRY_ASSIGN(const Json* shape, get_list(object, "shape"));
  if (shape->size() != 2) return fail("'shape' has {} numbers, not [n_out, n_in]", shape->size());
  MatrixShape result;
  SC_TRY_ASSIGN(result.n_out, dimension((*shape)[0]));
  SC_TRY_ASSIGN(result.n_in, dimension((*shape)[1]));
  return result;
}

}  // namespace sparsecim

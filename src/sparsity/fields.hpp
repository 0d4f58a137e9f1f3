#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace sparsecim {

/// Sizes beyond this are refused: every count of weights is then exact as a double and adds up without overflow.
inline constexpr std::int64_t kLargestDimension = std::int64_t{1} << 24;
inline constexpr std::int64_t kMostWeights = std::int64_t{1} << 53;

/// What the files of this room share. Errors: "'format' is ..., not ...", a schema version that we do not read.
Result<void> check_schema(const Json& json, std::string_view format, std::int64_t version);
/// The list `key`. Errors: missing, not a list.
Result<const Json*> get_list(const Json& object, const std::string& key);
/// Errors: get_number's, outside [low, high].
Result<double> get_number_within(const Json& object, const std::string& key, double low, double high);

struct MatrixShape {
  std::int64_t n_out = 0, n_in = 0;
};
/// "shape": [n_out, n_in], each 1 .. kLargestDimension.
Result<MatrixShape> get_shape(const Json& object);

}  // namespace sparsecim

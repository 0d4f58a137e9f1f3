#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/workload.hpp"

namespace sparsecim {

/// Counts how 8-bit activations change as a macro receives them: token after token, each bit plane by bit plane, the
/// most significant (the signs of two's complement) first, on lines that are zero before the first.
class ActivityCounter {
 public:
  /// REQUIRES: n_inputs > 0.
  explicit ActivityCounter(std::int64_t n_inputs);

  /// `activations` is [n_tokens, n_inputs] row-major; tokens follow those added before. REQUIRES: whole tokens.
  void add(std::span<const std::int8_t> activations);

  /// Of everything added; not `measured` if that is nothing.
  Activity activity() const;

 private:
  void add_group(std::span<const std::int8_t> values, std::size_t group);

  std::int64_t n_inputs_;
  std::vector<std::uint8_t> last_, held_;      // by input: its word before; the bit on a line where zeros are held
  std::vector<std::uint8_t> last_plane_zero_;  // by group of Activity::kPlaneGroup inputs
  double bits_ = 0, changes_ = 0, held_changes_ = 0, word_changes_ = 0;
  double zero_bits_ = 0, idle_bits_ = 0;  // bits of planes that are zero for their group; of those that follow another
};

/// Of `activations` [n_tokens, n_inputs] alone. REQUIRES: n_inputs > 0 divides their number.
Activity activity_of(std::span<const std::int8_t> activations, std::int64_t n_inputs);

/// {"activation_toggle": 0.41, "held_toggle": 0.41, "zero_planes": 0, "idle_planes": 0, "word_toggle": 0.49}: what is
/// measured of activations, for files of statistics (docs/formats/statistics.md).
Json activity_json(const Activity& activity);
/// Errors: a key that is missing, unknown, or no share; idle planes that are not among the zero planes.
Result<Activity> read_activity(const Json& json);

}  // namespace sparsecim

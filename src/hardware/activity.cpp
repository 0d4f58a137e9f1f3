#include "hardware/activity.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "base/check.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

constexpr int kPlanes = 8;

constexpr std::array<std::pair<const char*, double Activity::*>, 5> kShares = {
    {{"activation_toggle", &Activity::activation_toggle},
     {"held_toggle", &Activity::held_toggle},
     {"zero_planes", &Activity::zero_planes},
     {"idle_planes", &Activity::idle_planes},
     {"word_toggle", &Activity::word_toggle}}};

std::uint8_t bit(std::uint8_t value, int plane) { return value >> plane & 1; }

/// Changes on a line that `value` comes down on behind the word `before`, most significant bit first.
int changes_of(std::uint8_t value, std::uint8_t before) {
  return std::popcount(static_cast<std::uint8_t>((value ^ value >> 1) & 0x7f)) +
         (bit(value, kPlanes - 1) != bit(before, 0));
}

/// The same where only the planes of the mask `live` are shown; `held` becomes the last of them.
int held_changes_of(std::uint8_t value, std::uint8_t live, std::uint8_t& held) {
  int changes = 0;
  for (int plane = kPlanes - 1; plane >= 0; --plane) {
    if (!bit(live, plane)) continue;
    changes += bit(value, plane) != held;
    held = bit(value, plane);
  }
  return changes;
}

}  // namespace

ActivityCounter::ActivityCounter(std::int64_t n_inputs) : n_inputs_(n_inputs) {
  SC_CHECK(n_inputs > 0);
  last_.resize(static_cast<std::size_t>(n_inputs));
  held_.resize(last_.size());
  last_plane_zero_.resize(static_cast<std::size_t>(divide_up(n_inputs, Activity::kPlaneGroup)), 1);
}

void ActivityCounter::add_group(std::span<const std::int8_t> values, std::size_t group) {
  std::uint8_t live = 0;  // planes with a one
  for (const std::int8_t value : values) live |= static_cast<std::uint8_t>(value);
  const std::size_t first = group * static_cast<std::size_t>(Activity::kPlaneGroup);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<std::uint8_t>(values[i]);
    changes_ += changes_of(value, last_[first + i]);
    held_changes_ += held_changes_of(value, live, held_[first + i]);
    word_changes_ += std::popcount(static_cast<std::uint8_t>(value ^ last_[first + i]));
    last_[first + i] = value;
  }
  bool before = last_plane_zero_[group];
  for (int plane = kPlanes - 1; plane >= 0; --plane) {
    const bool zero = !bit(live, plane);
    zero_bits_ += zero ? static_cast<double>(values.size()) : 0;
    idle_bits_ += zero && before ? static_cast<double>(values.size()) : 0;
    before = zero;
  }
  last_plane_zero_[group] = before;
  bits_ += kPlanes * static_cast<double>(values.size());
}

void ActivityCounter::add(std::span<const std::int8_t> activations) {
  const auto width = static_cast<std::size_t>(n_inputs_), group = static_cast<std::size_t>(Activity::kPlaneGroup);
  SC_CHECK(activations.size() % width == 0);
  for (std::size_t token = 0; token < activations.size(); token += width)
    for (std::size_t begin = 0; begin < width; begin += group)
      add_group(activations.subspan(token + begin, std::min(group, width - begin)), begin / group);
}

Activity ActivityCounter::activity() const {
  Activity activity;
  if (bits_ == 0) return activity;
  activity.activation_toggle = changes_ / bits_;
  activity.held_toggle = held_changes_ / bits_;
  activity.zero_planes = zero_bits_ / bits_;
  activity.idle_planes = idle_bits_ / bits_;
  activity.word_toggle = word_changes_ / bits_;
  activity.measured = true;
  return activity;
}

Activity activity_of(std::span<const std::int8_t> activations, std::int64_t n_inputs) {
  ActivityCounter counter(n_inputs);
  counter.add(activations);
  return counter.activity();
}

Json activity_json(const Activity& activity) {
  Json json = Json::object();
  for (const auto& [key, share] : kShares) json[key] = activity.*share;
  return json;
}

Result<Activity> read_activity(const Json& json) {
  if (!json.is_object()) return fail("activity: not an object");
  Activity activity;
  activity.measured = true;
  for (const auto& [key, share] : kShares) {
    const auto found = json.find(key);
    if (found == json.end()) return fail("activity: '{}' is missing", key);
    if (!found->is_number()) return fail("activity: '{}' is not a number", key);
    activity.*share = found->get<double>();
    if (!(activity.*share >= 0 && activity.*share <= 1)) return fail("activity: '{}' is outside 0 .. 1", key);
  }
  if (json.size() > kShares.size()) return fail("activity: more than the {} keys that it has", kShares.size());
  if (activity.idle_planes > activity.zero_planes) return fail("activity: more idle_planes than zero_planes");
  return activity;
}

}  // namespace sparsecim

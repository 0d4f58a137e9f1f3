#include "hardware/activity.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

/// Lines as they are, plane by plane: the definition, without any shortcut.
Activity walked(const std::vector<std::int8_t>& activations, std::size_t n_inputs) {
  std::vector<int> line(n_inputs), held(n_inputs);
  std::vector<int> was_zero((n_inputs + 127) / 128, 1);
  double bits = 0, changes = 0, held_changes = 0, zero = 0, idle = 0, word_changes = 0;
  for (std::size_t token = 0; token < activations.size() / n_inputs; ++token)
    for (int plane = 7; plane >= 0; --plane) {
      const auto value = [&](std::size_t i) { return activations[token * n_inputs + i] >> plane & 1; };
      for (std::size_t group = 0; group * 128 < n_inputs; ++group) {
        const std::size_t begin = group * 128, end = std::min(n_inputs, begin + 128);
        bool any = false;
        for (std::size_t i = begin; i < end; ++i) any |= value(i) == 1;
        for (std::size_t i = begin; i < end; ++i) {
          bits += 1;
          word_changes += value(i) != (token > 0 ? activations[(token - 1) * n_inputs + i] >> plane & 1 : 0);
          changes += line[i] != value(i);
          line[i] = value(i);
          zero += !any;
          idle += !any && was_zero[group];
          if (!any) continue;
          held_changes += held[i] != value(i);
          held[i] = value(i);
        }
        was_zero[group] = !any;
      }
    }
  return {.activation_toggle = changes / bits,
          .held_toggle = held_changes / bits,
          .zero_planes = zero / bits,
          .idle_planes = idle / bits,
          .word_toggle = word_changes / bits,
          .measured = true};
}

void expect_equal(const Activity& one, const Activity& other) {
  EXPECT_DOUBLE_EQ(one.activation_toggle, other.activation_toggle);
  EXPECT_DOUBLE_EQ(one.held_toggle, other.held_toggle);
  EXPECT_DOUBLE_EQ(one.zero_planes, other.zero_planes);
  EXPECT_DOUBLE_EQ(one.idle_planes, other.idle_planes);
  EXPECT_DOUBLE_EQ(one.word_toggle, other.word_toggle);
  EXPECT_EQ(one.measured, other.measured);
}

TEST(ActivityOf, CountsWhatAWalkOverEveryPlaneFinds) {
  std::mt19937 random(8);
  for (const std::size_t n_inputs : {1u, 5u, 127u, 128u, 129u, 300u})
    for (const int largest : {1, 7, 100}) {
      std::uniform_int_distribution<int> value(n_inputs % 2 == 0 ? 0 : -largest, largest);
      std::vector<std::int8_t> activations(20 * n_inputs);
      for (auto& activation : activations) activation = static_cast<std::int8_t>(value(random));
      for (std::size_t i = 0; i < 3 * n_inputs; ++i) activations[i] = 0;
      expect_equal(activity_of(activations, static_cast<std::int64_t>(n_inputs)), walked(activations, n_inputs));
    }
}

TEST(ActivityOf, KnowsTheExtremes) {
  const std::vector<std::int8_t> zeros(512, 0), ones(512, -1), stripes(512, 0x55);
  expect_equal(activity_of(zeros, 256), {.activation_toggle = 0,
                                         .held_toggle = 0,
                                         .zero_planes = 1,
                                         .idle_planes = 1,
                                         .word_toggle = 0,
                                         .measured = true});
  EXPECT_DOUBLE_EQ(activity_of(ones, 256).activation_toggle, 1.0 / 16) << "up once, in 16 planes";
  EXPECT_DOUBLE_EQ(activity_of(ones, 256).word_toggle, 1.0 / 2) << "up in the first of two tokens";
  const Activity striped = activity_of(stripes, 256);
  EXPECT_DOUBLE_EQ(striped.activation_toggle, 15.0 / 16);
  EXPECT_DOUBLE_EQ(striped.zero_planes, 0.5);
  EXPECT_DOUBLE_EQ(striped.idle_planes, 1.0 / 16) << "the first of all: the lines are zero before it";
  EXPECT_DOUBLE_EQ(striped.held_toggle, 1.0 / 16) << "every other plane holds the ones";
}

TEST(ActivityOf, IsTheSameInOnePieceAndInMany) {
  std::mt19937 random(9);
  std::vector<std::int8_t> activations(64 * 200);
  for (auto& activation : activations) activation = static_cast<std::int8_t>(random() % 9);
  ActivityCounter counter(200);
  EXPECT_FALSE(counter.activity().measured);
  for (std::size_t token = 0; token < 64; token += 16)
    counter.add(std::span(activations).subspan(token * 200, 16 * 200));
  expect_equal(counter.activity(), activity_of(activations, 200));
}

TEST(ActivityOf, OfWiderGroupsHasFewerZeroPlanesAndSavesLessByHolding) {
  const Activity measured{
      .activation_toggle = 0.3, .held_toggle = 0.2, .zero_planes = 0.5, .idle_planes = 0.4, .measured = true};
  const Activity same = measured.of_groups(100), wide = measured.of_groups(256);
  expect_equal(same, measured);
  EXPECT_DOUBLE_EQ(wide.zero_planes, 0.25);
  EXPECT_DOUBLE_EQ(wide.idle_planes, 0.16);
  EXPECT_DOUBLE_EQ(wide.held_toggle, 0.25);
  EXPECT_DOUBLE_EQ(wide.activation_toggle, 0.3);
}

TEST(Activity, ReadsWhatItWritesAndRefusesAnythingElse) {
  const Activity measured{
      .activation_toggle = 0.3, .held_toggle = 0.2, .zero_planes = 0.5, .idle_planes = 0.4, .measured = true};
  const Json json = activity_json(measured);
  expect_equal(read_activity(json).value(), measured);
  const auto refusal = [&](const char* key, const Json& value) {
    Json changed = json;
    changed[key] = value;
    const auto read = read_activity(changed);
    return read ? std::string() : read.error().what;
  };
  EXPECT_NE(refusal("zero_planes", 1.5).find("outside 0 .. 1"), std::string::npos);
  EXPECT_NE(refusal("zero_planes", "half").find("not a number"), std::string::npos);
  EXPECT_NE(refusal("zero_planes", 0.1).find("more idle_planes"), std::string::npos);
  EXPECT_NE(refusal("colour", 1).find("more than the 5 keys"), std::string::npos);
  EXPECT_FALSE(read_activity(Json::array()));
  EXPECT_FALSE(read_activity(Json::object()));
}

TEST(Simulate, SaysWhetherActivationsWereMeasured) {
  Workload workload = workload_of(matrix({2, 4}));
  workload.operations.front().activity.measured = true;
  workload.operations.front().activity.activation_toggle = 0.27;
  const MachineDescription machine = machine_with("flexcim");
  const auto mentions = [&](const char* text) {
    const Simulation simulation = simulate(workload, machine).value();
    return std::ranges::any_of(simulation.notes, [&](const auto& note) { return note.find(text) != note.npos; });
  };
  EXPECT_TRUE(mentions("activations: 27 % of the bits do change between bit planes, as measured"));
  EXPECT_FALSE(mentions("assumed"));
  workload.operations.push_back(matrix({2, 4}));
  EXPECT_TRUE(mentions("assumed to change between bit planes (not measured)"));
}

}  // namespace
}  // namespace sparsecim

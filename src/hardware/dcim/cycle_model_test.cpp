#include "hardware/dcim/cycle_model.hpp"

#include <gtest/gtest.h>

#include <random>

#include "hardware/dcim/closed_form.hpp"

namespace sparsecim {
namespace {

/// Bit-serial, 1024 bits a cycle, an entry and a merge register.
PassPath path_of(std::int64_t inputs, PassPath::Fetch fetch = PassPath::Fetch::kByPlane) {
  return {.fetch = fetch, .inputs = inputs, .registers = kEntryRegister + kMergeRegister};
}

/// The macro has a tile since cycle 0 and launched a pass in cycle 0.
struct Started {
  explicit Started(const PassPath& path) : pass(walk_pass(path)) { calendar.launch(pass, true, 0); }
  PassSteps pass;
  MacroCalendar calendar;
};

void expect_next_launch_at(const PassPath& path, std::int64_t cycle) {
  const Started started(path);
  EXPECT_FALSE(started.calendar.can_launch(started.pass, false, cycle - 1));
  EXPECT_TRUE(started.calendar.can_launch(started.pass, false, cycle));
}

TEST(MacroCalendar, LaunchesTheNextPassEightCyclesAfterTheLastAndNotSeven) {
  expect_next_launch_at(path_of(128), 8);
  expect_next_launch_at(path_of(128, PassPath::Fetch::kWhole), 8);
}

TEST(MacroCalendar, HidesEightFetchStagesBehindEightPlanesAndStallsForTheNinth) {
  // 1:8 fetches 1024 inputs: at 1024 bits a cycle in 8 cycles, at less in more.
  for (const auto fetch : {PassPath::Fetch::kByPlane, PassPath::Fetch::kWhole}) {
    PassPath path = path_of(1024, fetch);
    expect_next_launch_at(path, 8);
    path.port_bits = 512;
    expect_next_launch_at(path, 16);
  }
  PassPath path = path_of(1024, PassPath::Fetch::kWhole);
  path.port_bits = 1023;
  expect_next_launch_at(path, 9);
}

TEST(MacroCalendar, FetchesEveryBitPlaneInWordsOfItsOwn) {
  // 1024 inputs: a plane of 1024 bits takes two words of 1023, and the second is not filled up with the next plane.
  PassPath path = path_of(1024);
  path.port_bits = 1023;
  expect_next_launch_at(path, 16);
  path.inputs = 1023;
  expect_next_launch_at(path, 8);
}

TEST(MacroCalendar, KeepsTheUnitThatServesColumnsWithPairsUntilTheLastColumn) {
  PassPath path = path_of(256, PassPath::Fetch::kWhole);
  path.pair_cycles = 8;
  expect_next_launch_at(path, 8);
  path.pair_cycles = 11;
  expect_next_launch_at(path, 11);
}

TEST(MacroCalendar, WaitsForThePortOfThePartialSumsAndForTheLink) {
  PassPath path = path_of(128);
  path.sum_cycles = 8;
  path.link_cycles = 1;
  expect_next_launch_at(path, 8);
  path.sum_cycles = 9;
  expect_next_launch_at(path, 9);
  path.link_cycles = 10;
  expect_next_launch_at(path, 10);
}

TEST(MacroCalendar, StartsATileWhenItsLastRowIsLoadedAndNotOneCycleEarlier) {
  MacroCalendar calendar;
  const PassSteps pass = walk_pass(path_of(128));
  const std::int64_t fetch = 1;
  calendar.load(0, 128);
  EXPECT_FALSE(calendar.can_launch(pass, true, 127 - fetch));
  EXPECT_TRUE(calendar.can_launch(pass, true, 128 - fetch));
}

TEST(MacroCalendar, DoesNotOverwriteAWeightSetThatIsInUse) {
  MacroCalendar calendar;
  const PassSteps pass = walk_pass(path_of(128));
  calendar.load(0, 128);
  calendar.launch(pass, true, 200);
  // The sets change places with the first multiply, a cycle after the launch: then the other one is free.
  EXPECT_EQ(calendar.earliest_load(), 201);
  calendar.load(201, 4);
  EXPECT_GE(calendar.earliest_load(), 205) << "one tile is loaded at a time";
  // The next tile works when all columns are done with this one, 8 planes later.
  EXPECT_FALSE(calendar.can_launch(pass, true, 207));
  EXPECT_TRUE(calendar.can_launch(pass, true, 208));
}

TEST(MacroCalendar, ChangesTheWeightsOfAllColumnsAtOnceWhenTheLastOneIsDone) {
  PassPath path = path_of(256, PassPath::Fetch::kWhole);
  path.pair_cycles = 4;  // the last column multiplies 3 cycles after the first
  const Started started(path);
  EXPECT_TRUE(started.calendar.can_launch(started.pass, false, 8));
  EXPECT_FALSE(started.calendar.can_launch(started.pass, true, 10));
  EXPECT_TRUE(started.calendar.can_launch(started.pass, true, 11));
}

TEST(MacroCalendar, RefusesToDoWhatIsBlocked) {
  Started started(path_of(128));
  EXPECT_DEATH(started.calendar.launch(started.pass, false, 7), "");
  started.calendar.load(1, 128);
  EXPECT_DEATH(started.calendar.load(100, 128), "");
}

TEST(PassSteps, NamesEveryRegisterFromFetchToSum) {
  PassPath path = path_of(1024);
  EXPECT_EQ(walk_pass(path).result, 1 + 8 + kEntryRegister + kMergeRegister);
  path.fetch = PassPath::Fetch::kWhole;
  path.pair_cycles = 32;
  EXPECT_EQ(walk_pass(path).result, 8 + 31 + 8 + kEntryRegister + kMergeRegister);
  path.sum_cycles = 8;
  EXPECT_EQ(walk_pass(path).result, 8 + 31 + 8 + kEntryRegister + kMergeRegister + 8 + kSumRegisters);
}

TEST(PassSteps, FetchAStageForEveryMOfNAt1024BitsACycle) {
  // 128 x M/N inputs of 8 bits: M/N stages of 1024 bits.
  for (const std::int64_t m_by_n : {1, 2, 4, 8}) {
    const PassSteps pass = walk_pass(path_of(128 * m_by_n, PassPath::Fetch::kWhole));
    EXPECT_EQ(pass.uses[PassSteps::kPort].end, m_by_n);
    EXPECT_EQ(pass.uses[PassSteps::kColumns].begin, m_by_n);
  }
}

template <class T>
T any_of(std::mt19937_64& random, const std::vector<T>& values) {
  return values[random() % values.size()];
}

PassPath random_path(std::mt19937_64& random) {
  PassPath path{.fetch = random() % 2 ? PassPath::Fetch::kByPlane : PassPath::Fetch::kWhole,
                .inputs = any_of<std::int64_t>(random, {1, 7, 32, 100, 128, 129, 256, 1000, 1024}),
                .port_bits = any_of<std::int64_t>(random, {8, 24, 100, 128, 512, 1023, 1024, 1025, 2048}),
                .registers = any_of<std::int64_t>(random, {1, 2})};
  if (path.fetch == PassPath::Fetch::kWhole) {
    path.planes = any_of<std::int64_t>(random, {1, 8});
    path.pair_cycles = any_of<std::int64_t>(random, {1, 4, 8, 9, 11, 32});
  }
  return path;
}

LinearWork random_work(std::mt19937_64& random) {
  const auto size = [&](std::int64_t most) {
    return 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  LinearWork work{.path = random_path(random),
                  .tiling = Tiling::over(size(9), size(9), any_of<std::int64_t>(random, {1, 2, 3, 5, 16, 64})),
                  .tokens = size(any_of<std::int64_t>(random, {1, 5, 40})),
                  .repetitions = size(4),
                  .rows_to_load = any_of<std::int64_t>(random, {16, 40, 128})};
  if (work.tiling.local_sums() > 0) work.path.sum_cycles = any_of<std::int64_t>(random, {1, 8, 13});
  if (work.tiling.joins() > 0) work.path.link_cycles = any_of<std::int64_t>(random, {1, 10});
  work.chunks = std::min(work.tokens, size(5));
  if (work.tiling.tiles_per_macro == 1 && random() % 2) work.rows_to_load = 0;
  if (work.rows_to_load > 0 && random() % 2)
    work.stream_cycles_per_tile = any_of<double>(random, {0.37, 5.5, 33.3, 200.0});
  return work;
}

void expect_equal(const Timed& a, const Timed& b) {
  EXPECT_EQ(a.start_cycle, b.start_cycle);
  EXPECT_EQ(a.cycles, b.cycles);
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.full_macro, b.full_macro);
  EXPECT_EQ(a.last_macro, b.last_macro);
}

/// Runs the same random operations on both.
template <class A, class B>
void expect_same_time(A a, B b, int trials, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int trial = 0; trial < trials && !testing::Test::HasFailure(); ++trial) {
    A one = a;
    B other = b;
    for (std::uint64_t i = 0; i < 1 + random() % 4; ++i) {
      const LinearWork work = random_work(random);
      SCOPED_TRACE(testing::Message() << "trial " << trial << ", operation " << i);
      expect_equal(one.linear(work), other.linear(work));
      if (random() % 3 == 0) expect_equal(one.vector(17), other.vector(17));
    }
  }
}

TEST(CycleModel, TakesExactlyTheCyclesOfTheClosedFormForRandomMacrosAndSystems) {
  expect_same_time(CycleModel(), ClosedForm(), 20000, 2504);
}

TEST(CycleModel, SkipsWhatRepeatsWithoutChangingAnything) {
  expect_same_time(CycleModel(), CycleModel(CycleModel::Walk::kEveryPass), 5000, 14364);
}

TEST(CycleModel, LoadsTheNextOperationsFirstTilesWhileTheLastOnesOfThisOneWork) {
  LinearWork work{.path = path_of(128), .tokens = 100, .rows_to_load = 128};
  CycleModel model;
  EXPECT_EQ(model.linear(work).cycles, 128 + 99 * 8 + 8 + 2);
  EXPECT_EQ(model.linear(work).cycles, 1 + 99 * 8 + 8 + 2) << "only its own fetch";
  work.tokens = 1;
  EXPECT_EQ(model.linear(work).cycles, 1 + 8 + 2);
  EXPECT_EQ(model.linear(work).cycles, 128) << "from the switch to the tile before, 10 cycles before its result";
}

TEST(CycleModel, WaitsForADramThatIsSlowerThanTheMacros) {
  LinearWork work{.path = path_of(128),
                  .tiling = Tiling::over(1, 100, 10),  // 10 steps of 10 tiles
                  .tokens = 20,                        // 160 cycles of each step
                  .rows_to_load = 128,
                  .stream_cycles_per_tile = 16};
  const auto last_step = [](std::int64_t stream) { return stream + 19 * 8 + 8 + 2; };
  EXPECT_EQ(CycleModel().linear(work).cycles, 9 * 160 + last_step(160)) << "in step with the passes";
  work.stream_cycles_per_tile = 16.1;
  EXPECT_EQ(CycleModel().linear(work).cycles, 9 * 161 + last_step(161)) << "a cycle slower";
  EXPECT_GT(2 * CycleModel().linear(work).load_bound_steps, CycleModel().linear(work).steps);
  work.stream_cycles_per_tile = 1;
  EXPECT_EQ(CycleModel().linear(work).cycles, 9 * 160 + last_step(128)) << "rows are written one a cycle";
}

TEST(CycleModel, ShowsAFewSpansHoweverManyTilesAndTokensThereAre) {
  const LinearWork work{.path = path_of(128),
                        .tiling = Tiling::over(1, 1000000, 64),
                        .tokens = std::int64_t{1} << 30,
                        .chunks = 1000,
                        .repetitions = 1000,
                        .rows_to_load = 128};
  const Timed timed = CycleModel().linear(work);
  EXPECT_EQ(timed.cycles, ClosedForm().linear(work).cycles);
  EXPECT_LT(timed.spans.size(), 100u);
  for (const Span& span : timed.spans) {
    EXPECT_GE(span.start_cycle, 0);
    EXPECT_GT(span.cycles, 0);
    EXPECT_LE(span.start_cycle + span.cycles, timed.cycles);
  }
}

}  // namespace
}  // namespace sparsecim

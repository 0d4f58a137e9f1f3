#include "hardware/analog/schedule.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

namespace sparsecim {
namespace {

AnalogPlan plan_with(const std::vector<MonarchShape>& shapes, CellMapping mapping, const PlacementRules& rules,
                     ArraySize array = {}, const Converters& converters = {}) {
  AnalogPlan plan{.array = array, .matrices = {}, .rules = rules, .placed = {}, .format = {}, .converters = converters};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    plan.matrices.push_back({.stages = {}, .phase = static_cast<std::int64_t>(i)});
    for (const ArrayStage& stage : stages_of(shapes[i]))
      plan.matrices.back().stages.push_back(Layout::make(mapping, stage, array).value());
  }
  plan.placed = place(plan.matrices, rules);
  return plan;
}

AnalogPlan linear_plan(std::int64_t n_out, std::int64_t n_in, const Converters& converters = {}) {
  AnalogPlan plan{.matrices = {}, .rules = {}, .placed = {}, .format = {}, .converters = converters};
  plan.matrices.push_back({.stages = {Layout::make(CellMapping::kLinear, dense_stage(n_out, n_in), {}).value()}});
  plan.placed = place(plan.matrices, {});
  return plan;
}

constexpr std::size_t kFirst[] = {0};

/// Time between two tokens once the stages are all at work.
std::int64_t interval_of(const AnalogPlan& plan, const ArrayTimes& times) {
  return time_of(schedule(plan, kFirst, 5), times).total - time_of(schedule(plan, kFirst, 4), times).total;
}

/// arXiv 2510.11192: SparseMap 1.59 times, DenseMap 1.73 times as fast as Linear. A read of 1.65 of a converter's bits
/// gives both, for blocks of 32, one diagonal in an array, both stages at work, eight converters.
TEST(AnalogSchedule, GivesThePublishedSpeedupsWhereTheirConditionsHold) {
  const ArrayTimes times{.read = 165, .per_bit = 100};
  const MonarchShape shape = monarch_of_squares(1024, 1024).value();
  const PlacementRules alone{.packing = Packing::kOneDiagonal};
  const auto linear = static_cast<double>(interval_of(linear_plan(1024, 1024), times));
  const auto speedup = [&](const MonarchShape& s, CellMapping mapping, const PlacementRules& rules) {
    return linear / static_cast<double>(interval_of(plan_with({s}, mapping, rules), times));
  };
  EXPECT_NEAR(speedup(shape, CellMapping::kSparse, alone), 1.594, 0.001);
  EXPECT_NEAR(speedup(shape, CellMapping::kDenseElements, alone), 1.73, 0.002);
  // Not for the feed-forward matrices, in blocks of 64, ...
  const MonarchShape feed_forward = monarch_of_squares(4096, 1024).value();
  EXPECT_NEAR(speedup(feed_forward, CellMapping::kSparse, alone), 1.33, 0.005);
  EXPECT_NEAR(speedup(feed_forward, CellMapping::kDenseElements, alone), 1.10, 0.005);
  // ... nor one stage after the other, ...
  const PlacementRules in_turn{.packing = Packing::kOneDiagonal, .stages_overlap = false};
  EXPECT_NEAR(speedup(shape, CellMapping::kSparse, in_turn), 1.594 / 2, 0.001);
  // ... nor where full arrays serve one token.
  EXPECT_LT(speedup(shape, CellMapping::kDenseElements, {.order = PlacementOrder::kFirstFit}), 0.1);
}

TEST(AnalogSchedule, StreamsTakeTheTimeThatTheirPassesAddUpTo) {
  const ArrayTimes times{.read = 33, .per_bit = 20};
  for (const CellMapping mapping : {CellMapping::kSparse, CellMapping::kDenseBlocks, CellMapping::kDenseElements})
    for (const PlacementOrder order : {PlacementOrder::kFirstFit, PlacementOrder::kContentionAware})
      for (const auto& shape : {monarch_of_squares(256, 256).value(), monarch_of_blocks(96, 64, 8).value()}) {
        const AnalogPlan plan = plan_with({shape, shape}, mapping, {.order = order}, {64, 64});
        std::map<std::int64_t, std::int64_t> first, second, both;  // by array
        for (const ArrayPass& pass : passes_of(plan.matrices, plan.placed, 0, 0))
          first[pass.array] += pass_time(plan, pass, 0, times), both[pass.array] += pass_time(plan, pass, 0, times);
        for (const ArrayPass& pass : passes_of(plan.matrices, plan.placed, 0, 1))
          second[pass.array] += pass_time(plan, pass, 1, times), both[pass.array] += pass_time(plan, pass, 1, times);
        const auto longest = [](const auto& map) {
          std::int64_t most = 0;
          for (const auto& [array, time] : map) most = std::max(most, time);
          return most;
        };
        const StreamTime timed = time_of(schedule(plan, kFirst, 4), times);
        EXPECT_EQ(timed.total, longest(first) + 3 * longest(both) + longest(second));
        for (const auto& [array, time] : both) EXPECT_EQ(timed.busy[static_cast<std::size_t>(array)], 4 * time);
      }
}

TEST(AnalogSchedule, NoArrayBeginsBeforeTheBarrierNorAnyTwoCommandsAtOnce) {
  const AnalogPlan plan = plan_with({monarch_of_squares(256, 256).value()}, CellMapping::kDenseBlocks, {}, {64, 64});
  const StreamTime timed = time_of(schedule(plan, kFirst, 3), {.read = 3, .per_bit = 2});
  std::map<std::int64_t, std::int64_t> end_of;
  std::set<std::int64_t> starts;
  for (const StreamTime::Interval& interval : timed.intervals) {
    EXPECT_GE(interval.start, end_of[interval.array]);
    EXPECT_GT(interval.end, interval.start);
    end_of[interval.array] = interval.end;
    starts.insert(interval.start);
  }
  EXPECT_EQ(starts.size(), 4u) << "three tokens in two stages: all arrays begin at one of four barriers";
}

TEST(AnalogSchedule, BitsFollowTheRowsThatAColumnAddsUp) {
  const auto bits = [](CellMapping mapping, Converters::Rule rule, std::int64_t n) {
    const ArrayStage stage =
        mapping == CellMapping::kLinear ? dense_stage(n, n) : stages_of(monarch_of_squares(n, n).value())[0];
    const auto layout = Layout::make(mapping, stage, {}).value();
    return converter_code(*layout, {.weight_bits = 1, .cell_bits = 1}, {.rule = rule}).bits;
  };
  for (const auto& [mapping, published, exact] :
       {std::tuple{CellMapping::kLinear, 8, 9}, {CellMapping::kSparse, 5, 6}, {CellMapping::kDenseElements, 3, 4}}) {
    EXPECT_EQ(bits(mapping, Converters::Rule::kRows, 1024), published);
    EXPECT_EQ(bits(mapping, Converters::Rule::kExact, 1024), exact);
  }
  EXPECT_EQ(bits(CellMapping::kSparse, Converters::Rule::kRows, 4096), 6);
  EXPECT_EQ(bits(CellMapping::kDenseElements, Converters::Rule::kRows, 4096), 2);
}

/// Longest time that an array works for one token, over all ways to put `tiles` into `arrays` arrays, by brute force.
std::int64_t least_contention(std::vector<int> tiles_of_phase, std::int64_t arrays, std::int64_t capacity) {
  std::vector<int> tile_phase;
  for (std::size_t phase = 0; phase < tiles_of_phase.size(); ++phase)
    tile_phase.insert(tile_phase.end(), static_cast<std::size_t>(tiles_of_phase[phase]), static_cast<int>(phase));
  std::int64_t best = 1 << 20;
  std::vector<std::int64_t> where(tile_phase.size());
  const std::function<void(std::size_t)> go = [&](std::size_t i) {
    if (i == where.size()) {
      std::int64_t sum = 0;
      std::vector<std::int64_t> filled(static_cast<std::size_t>(arrays));
      for (const std::int64_t array : where)
        if (++filled[static_cast<std::size_t>(array)] > capacity) return;
      for (std::size_t phase = 0; phase < tiles_of_phase.size(); ++phase) {
        std::vector<std::int64_t> load(static_cast<std::size_t>(arrays));
        std::int64_t most = 0;
        for (std::size_t t = 0; t < where.size(); ++t)
          if (tile_phase[t] == static_cast<int>(phase))
            most = std::max(most, ++load[static_cast<std::size_t>(where[t])]);
        sum += most;
      }
      best = std::min(best, sum);
      return;
    }
    for (where[i] = 0; where[i] < arrays; ++where[i]) go(i + 1);
  };
  go(0);
  return best;
}

TEST(AnalogPlacement, ContentionIsTheLeastThatAnyPlacementHas) {
  // Layers of 2 b^2 weights, b = 4, in arrays of 8 x 8: a stage is two tiles of two blocks, an array holds two tiles.
  for (const std::size_t layers : {1u, 2u}) {
    const std::vector<MonarchShape> shapes(layers, monarch_of_squares(16, 16).value());
    const AnalogPlan plan = plan_with(shapes, CellMapping::kDenseBlocks, {}, {8, 8}, {.adcs = 8});
    std::int64_t ours = 0;
    std::vector<int> tiles_of_phase;
    for (std::size_t phase = 0; phase < layers; ++phase) {
      std::map<std::int64_t, std::int64_t> load;
      tiles_of_phase.push_back(0);
      std::int64_t most = 0;
      for (const auto& stage : plan.placed.places[phase])
        for (const TilePlace& at : stage) {
          most = std::max(most, ++load[at.array]);
          ++tiles_of_phase.back();
        }
      ours += most;
    }
    EXPECT_EQ(plan.placed.arrays, static_cast<std::int64_t>(2 * layers));
    EXPECT_EQ(ours, least_contention(tiles_of_phase, plan.placed.arrays, 2));
  }
}

TEST(AnalogPlacement, EveryTileHasADiagonalOfItsOwnAndNoArrayTooMany) {
  for (const PlacementOrder order : {PlacementOrder::kFirstFit, PlacementOrder::kContentionAware})
    for (const bool overlap : {false, true})
      for (const CellMapping mapping : {CellMapping::kSparse, CellMapping::kDenseBlocks, CellMapping::kDenseElements}) {
        const AnalogPlan plan = plan_with({monarch_of_squares(1024, 1024).value(), monarch_of_squares(256, 64).value(),
                                           monarch_of_squares(1024, 512).value(), monarch_of_squares(100, 100).value()},
                                          mapping, {order, Packing::kFull, overlap}, {128, 128});
        std::set<std::pair<std::int64_t, std::int64_t>> taken;
        std::map<std::int64_t, const Layout*> holds;
        for (std::size_t m = 0; m < plan.matrices.size(); ++m)
          for (std::size_t s = 0; s < 2; ++s)
            for (const TilePlace& at : plan.placed.places[m][s]) {
              const Layout& layout = *plan.matrices[m].stages[s];
              EXPECT_TRUE(taken.emplace(at.array, at.diagonal).second);
              EXPECT_LT(at.diagonal, layout.diagonals());
              EXPECT_LT(at.array, plan.placed.arrays);
              const Layout* first = holds.emplace(at.array, &layout).first->second;
              EXPECT_TRUE(first->alike(layout));
            }
      }
}

TEST(AnalogPlacement, TilesThatReadTheSameMeetInOneArrayAndShareItsActivations) {
  // One matrix in fewer arrays than it has tiles: 4 x 4 pieces of 8 x 8 in arrays that hold 8.
  const AnalogPlan plan =
      plan_with({monarch_of_squares(64, 64).value()}, CellMapping::kDenseElements, {}, {16, 16}, {.adcs = 2});
  const auto passes = passes_of(plan.matrices, plan.placed, 0, 0);
  std::size_t tiles = 0, shared = 0;
  for (const ArrayPass& pass : passes) {
    tiles += pass.tiles.size();
    shared += pass.tiles.size() > 1;
    for (const ServedTile& tile : pass.tiles)
      EXPECT_EQ(plan.matrices[0].stages[0]->input_group(tile.tile),
                plan.matrices[0].stages[0]->input_group(pass.tiles[0].tile));
  }
  EXPECT_EQ(tiles, 16u);
  EXPECT_GT(shared, 0u);
  EXPECT_LT(passes.size(), tiles);
}

}  // namespace
}  // namespace sparsecim

#include "codesign/pareto.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sparsecim {
namespace {

DesignPoint point(const std::string& label, std::int64_t bytes, double perplexity, std::optional<double> latency = {},
                  std::optional<double> energy = {}) {
  return {.name = "kind",
          .label = label,
          .stored_bytes = bytes,
          .perplexity = perplexity,
          .latency_ns = latency,
          .energy_pj = energy,
          .on_scale = true};
}

TEST(ParetoFront, HoldsWhatIsCheaperThanEverythingAsGood) {
  const std::vector<DesignPoint> points = {point("large", 100, 10), point("small", 50, 20), point("pointless", 60, 21)};
  EXPECT_EQ(on_front(points, CostAxis::kStoredBytes), (std::vector<bool>{true, true, false}));
}

TEST(ParetoFront, HoldsBothOfTwoEqualPoints) {
  const std::vector<DesignPoint> points = {point("a", 50, 20), point("b", 50, 20)};
  EXPECT_EQ(on_front(points, CostAxis::kStoredBytes), (std::vector<bool>{true, true}));
  EXPECT_FALSE(dominator(points, 0));
}

TEST(ParetoFront, LeavesOutWhatNoMachineRuns) {
  const std::vector<DesignPoint> points = {point("rounded", 50, 20), point("pruned", 60, 30, 5.0)};
  EXPECT_EQ(on_front(points, CostAxis::kLatency), (std::vector<bool>{false, true}));
}

/// By sweeping over the points in the order of their cost, which is another way to find a front of two.
std::vector<bool> front_by_sweep(const std::vector<DesignPoint>& points) {
  std::vector<std::size_t> order(points.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(points[i].stored_bytes, points[i].perplexity); });
  std::vector<bool> front(points.size());
  double best = INFINITY;
  std::optional<std::pair<std::int64_t, double>> last;
  for (const std::size_t i : order) {
    const std::pair here(points[i].stored_bytes, points[i].perplexity);
    front[i] = points[i].perplexity < best || last == here;
    if (points[i].perplexity < best) best = points[i].perplexity, last = here;
  }
  return front;
}

TEST(ParetoFront, IsTheOneThatASweepFindsInAThousandRandomSets) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> value(1, 9), count(1, 12);
  for (int trial = 0; trial < 1000; ++trial) {
    std::vector<DesignPoint> points(static_cast<std::size_t>(count(random)));
    for (DesignPoint& one : points) one = point("", value(random), value(random));
    ASSERT_EQ(on_front(points, CostAxis::kStoredBytes), front_by_sweep(points)) << trial;
  }
}

TEST(Dominator, IsNowhereWorseAndSomewhereBetter) {
  const std::vector<DesignPoint> points = {point("fast", 60, 20, 5.0, 9.0), point("frugal", 60, 20, 6.0, 8.0),
                                           point("slow", 60, 20, 6.0, 9.0)};
  EXPECT_FALSE(dominator(points, 0));
  EXPECT_FALSE(dominator(points, 1));
  ASSERT_TRUE(dominator(points, 2));
}

TEST(Dominator, IsTheLeastPerplexedOfSeveral) {
  const std::vector<DesignPoint> points = {point("good", 50, 20), point("better", 50, 15), point("bad", 50, 30)};
  EXPECT_EQ(dominator(points, 2), 1u);
}

TEST(Dominator, MustBeKnownToCostNoMore) {
  const std::vector<DesignPoint> points = {point("rounded", 50, 20), point("pruned", 60, 30, 5.0)};
  EXPECT_FALSE(dominator(points, 1)) << "nobody knows how fast the rounded model is";
  const std::vector<DesignPoint> reverse = {point("pruned", 50, 20, 5.0), point("rounded", 60, 30)};
  EXPECT_EQ(dominator(reverse, 1), 0u);
}

TEST(Interpolation, IsStraightInTheLogarithmOfThePerplexity) {
  const std::vector<DesignPoint> points = {point("small", 100, 40), point("large", 200, 10), point("larger", 300, 9)};
  const auto between = interpolate(points, "kind", EqualAt::kStoredBytes, 150);
  ASSERT_TRUE(between);
  EXPECT_NEAR(between->perplexity, 20, 1e-9) << "the geometric mean";
  EXPECT_EQ(between->below, "small");
  EXPECT_EQ(between->above, "large");
}

TEST(Interpolation, TakesAPointThatIsThere) {
  const std::vector<DesignPoint> points = {point("small", 100, 40), point("large", 200, 10)};
  const auto there = interpolate(points, "kind", EqualAt::kStoredBytes, 200);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->perplexity, 10);
  EXPECT_EQ(there->below, there->above);
}

TEST(Interpolation, NeverGoesBeyondWhatWasMeasuredOrToAnotherScale) {
  std::vector<DesignPoint> points = {point("small", 100, 40), point("large", 200, 10)};
  EXPECT_FALSE(interpolate(points, "kind", EqualAt::kStoredBytes, 99));
  EXPECT_FALSE(interpolate(points, "kind", EqualAt::kStoredBytes, 201));
  EXPECT_FALSE(interpolate(points, "another", EqualAt::kStoredBytes, 150));
  points[0].on_scale = false;
  EXPECT_FALSE(interpolate(points, "kind", EqualAt::kStoredBytes, 150));
}

TEST(ParetoRecord, NamesTheFrontsAndTheDominatorOfEachPoint) {
  std::vector<DesignPoint> points = {point("subject", 60, 20, 5.0, 9.0), point("rival", 70, 21, 6.0, 9.5)};
  points[1].name = "uniform";
  const Json json = pareto_json(points, 0);
  EXPECT_EQ(json["points"][0]["front"], (Json{"stored_bytes", "latency_ns", "energy_pj"}));
  EXPECT_FALSE(json["points"][0].contains("dominated_by"));
  EXPECT_EQ(json["points"][1]["dominated_by"], "subject");
  EXPECT_TRUE(json["points"][1]["front"].empty());
  EXPECT_EQ(json["equal"][0]["at"], "sparsity");
  EXPECT_EQ(json["equal"][0]["rivals"][0]["perplexity"], 21) << "both have sparsity 0";
  EXPECT_TRUE(json["equal"][1]["rivals"].empty()) << "nothing of 60 bytes";
}

}  // namespace
}  // namespace sparsecim

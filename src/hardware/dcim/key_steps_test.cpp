#include "hardware/dcim/key_steps.hpp"

#include <gtest/gtest.h>

#include <random>

#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

Operation growing(bool along_inputs, std::int64_t positions, std::int64_t keys, std::int64_t head, std::int64_t sharing,
                  std::int64_t products, std::int64_t steps) {
  return {.name = "attention",
          .kind = Operation::Kind::kAttention,
          .n_tokens = positions * sharing,
          .n_inputs = along_inputs ? keys : head,
          .n_outputs = along_inputs ? head : keys,
          .count = products * steps,
          .independent = products,
          .keys = {.along_inputs = along_inputs, .per_step = positions}};
}

struct Case {
  Operation operation;
  std::int64_t sharing;
};

Case random_case(std::mt19937_64& random) {
  const auto size = [&](std::int64_t most) {
    return 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  const std::int64_t positions = size(random() % 2 ? 1 : 70), sharing = size(4);
  return {growing(random() % 2, positions, positions + size(100) - 1, size(20), sharing, size(3), size(40)), sharing};
}

/// Query by query, key by key.
std::int64_t counted_macs(const Case& drawn, std::int64_t step) {
  const Operation& operation = drawn.operation;
  const std::int64_t positions = operation.keys.per_step, keys = operation.n_keys() + step * positions;
  const std::int64_t head = operation.keys.along_inputs ? operation.n_outputs : operation.n_inputs;
  std::int64_t macs = 0;
  for (std::int64_t position = 0; position < positions; ++position)
    for (std::int64_t key = 0; key < keys; ++key)
      if (key <= keys - positions + position) macs += drawn.sharing * head * operation.independent;
  return macs;
}

TEST(KeySteps, MultiplyEveryQueryByTheKeysThatItSees) {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const Case drawn = random_case(random);
    std::int64_t all = 0;
    for (std::int64_t step = 0; step < drawn.operation.steps(); ++step) {
      EXPECT_EQ(drawn.operation.step(step).dense_macs(), counted_macs(drawn, step));
      all += counted_macs(drawn, step);
    }
    EXPECT_EQ(drawn.operation.dense_macs(), all);
  }
}

TEST(KeySteps, TakeOnTheVectorUnitWhatEachTakesRoundedUp) {
  std::mt19937_64 random(4);
  for (int trial = 0; trial < 200; ++trial) {
    const Operation operation = random_case(random).operation;
    for (const std::int64_t lanes : {1, 3, 64, 4096}) {
      std::int64_t cycles = 0;
      for (std::int64_t step = 0; step < operation.steps(); ++step)
        cycles += divide_up(operation.step(step).dense_macs(), lanes);
      EXPECT_EQ(vector_cycles(operation, lanes), cycles) << lanes << " lanes";
    }
  }
}

TEST(KeySteps, AreAlikeWhereTheirTilesAre) {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 200; ++trial) {
    const Operation operation = random_case(random).operation;
    constexpr std::int64_t kInputs = 32, kOutputs = 16;
    std::int64_t next = 0;
    for (const AlikeSteps& alike : alike_steps(operation, kInputs, kOutputs)) {
      EXPECT_EQ(alike.first, next);
      next = alike.last + 1;
      const Operation first = operation.step(alike.first), last = operation.step(alike.last);
      EXPECT_EQ(divide_up(first.n_inputs, kInputs), divide_up(last.n_inputs, kInputs));
      EXPECT_EQ(divide_up(first.n_outputs, kOutputs), divide_up(last.n_outputs, kOutputs));
      EXPECT_EQ(std::min(first.n_inputs, kInputs), std::min(last.n_inputs, kInputs)) << "of a pass";
    }
    EXPECT_EQ(next, operation.steps());
  }
  const Operation decode = growing(false, 1, 1, 128, 1, 1, 1 << 20);
  EXPECT_EQ(std::ssize(alike_steps(decode, 128, 32)), (1 << 20) / 32) << "as many as there are tiles";
}

TEST(KeySteps, MakeNoPassForTilesThatNoQuerySees) {
  std::mt19937_64 random(6);
  for (int trial = 0; trial < 200; ++trial) {
    const Operation operation = random_case(random).operation;
    const std::int64_t positions = operation.keys.per_step, keys = operation.n_keys();
    for (const std::int64_t width : {1, 7, 32, 500}) {
      std::int64_t seen = 0, all = 0;
      for (std::int64_t position = 0; position < positions; ++position)
        for (std::int64_t first = 0; first < keys; first += width, ++all) seen += first <= keys - positions + position;
      EXPECT_DOUBLE_EQ(seen_share(operation, width), static_cast<double>(seen) / static_cast<double>(all));
    }
  }
}

}  // namespace
}  // namespace sparsecim

#include "model/flexcim_arithmetic.hpp"

#include <gtest/gtest.h>

#include "checkpoint/random_checkpoint.hpp"
#include "model/llama.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

FlexcimParameters macros_of_eight_columns() {
  FlexcimParameters parameters{.array = {.rows = 16, .columns = 8, .sub_macros = 4}, .system = {}};
  parameters.patterns = all_patterns(4, false);
  return parameters;
}

at::Tensor some_ids() { return at::arange(1, 13).view({1, 12}); }

at::Tensor logits_of(const RandomCheckpoint& checkpoint, const std::shared_ptr<FlexcimArithmetic>& macros) {
  const Llama model = Llama::open(checkpoint, {.arithmetic = Arithmetic::kInt8, .flexcim = macros}).value();
  return model.logits(model.forward(some_ids()).value());
}

TEST(FlexcimArithmetic, GivesTheSameLogitsAsInt8AndHasComparedEveryMatrix) {
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const auto macros = std::make_shared<FlexcimArithmetic>(macros_of_eight_columns(), FlexcimSampleSize{});
  EXPECT_TRUE(at::equal(logits_of(checkpoint, macros), logits_of(checkpoint, nullptr)));
  EXPECT_TRUE(macros->outcome());
  ASSERT_EQ(macros->matrices().size(), 15);  // 7 of each of 2 blocks, and the head
  for (const auto& matrix : macros->matrices()) {
    EXPECT_EQ(matrix.checked_tokens, 4) << matrix.name;
    EXPECT_TRUE(matrix.pattern.dense()) << matrix.name;
  }
  EXPECT_EQ(macros->matrices()[0].name, "lm_head");
  EXPECT_EQ(macros->matrices()[7].name, "model.layers.0.mlp.down_proj");
  // 24 outputs in 3 strips of 8, 2 of them in the sample; 40 inputs in 3 tiles of 16.
  EXPECT_EQ(macros->matrices()[7].tiles, 9);
  EXPECT_EQ(macros->matrices()[7].checked_tiles, 6);
}

TEST(FlexcimArithmetic, RunsEveryMatrixAtTheSparsestPatternOfItsZeros) {
  RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const auto prune = [&](const std::string& name, Pattern pattern, std::int64_t n_inputs) {
    ASSERT_TRUE(apply_nm(checkpoint.values(name + ".weight"), n_inputs, {}, pattern));
  };
  prune("model.layers.0.mlp.up_proj", {2, 4}, 24);
  prune("model.layers.1.mlp.down_proj", {1, 8}, 40);
  prune("model.layers.1.self_attn.q_proj", {3, 8}, 24);
  const auto macros = std::make_shared<FlexcimArithmetic>(macros_of_eight_columns(), FlexcimSampleSize{});
  logits_of(checkpoint, macros);
  EXPECT_TRUE(macros->outcome());
  std::map<std::string, std::string> sparse;
  for (const auto& matrix : macros->matrices())
    if (!matrix.pattern.dense()) sparse[matrix.name] = matrix.pattern.name();
  EXPECT_EQ(sparse, (std::map<std::string, std::string>{{"model.layers.0.mlp.up_proj", "2:4"},
                                                        {"model.layers.1.mlp.down_proj", "1:8"},
                                                        {"model.layers.1.self_attn.q_proj", "4:8"}}));
}

TEST(FlexcimArithmetic, ChecksAMatrixWhenAProductIsAskedOfIt) {
  FlexcimArithmetic macros(macros_of_eight_columns(), {});
  const QuantisedLinear first = macros.store("first", std::vector<float>(8, 1), 4).value();
  macros.store("second", std::vector<float>(8, 1), 4).value();
  EXPECT_EQ(macros.checked_tiles(), 0);
  std::vector<float> outputs(2);
  ASSERT_TRUE(first.forward(std::vector<float>(4, 1), outputs));
  EXPECT_TRUE(macros.outcome());
  EXPECT_EQ(macros.checked_tiles(), 1);
  EXPECT_EQ(macros.tiles(), 2);
}

TEST(FlexcimArithmetic, KeepsTheFirstDifferenceAndNamesTheMatrix) {
  FlexcimArithmetic macros(macros_of_eight_columns(), {});
  const QuantisedLinear first = macros.store("first", std::vector<float>(8, 1), 4).value();
  const QuantisedLinear second = macros.store("second", std::vector<float>(8, 1), 4).value();
  const std::vector<std::int8_t> activations = {1, 2, 3, 4};
  second.observer()(activations, std::vector<std::int32_t>{1270, 1271});
  first.observer()(activations, std::vector<std::int32_t>{0, 0});
  ASSERT_FALSE(macros.outcome());
  EXPECT_EQ(macros.outcome().error().what,
            "second: output 1 of token 0: the macro's bit-serial arithmetic gives 1270, the fast product 1271");
  EXPECT_EQ(macros.checked_tiles(), 0);
}

TEST(FlexcimArithmetic, RefusesAMatrixThatNoPatternHolds) {
  FlexcimParameters parameters = macros_of_eight_columns();
  parameters.patterns = {{2, 4}};
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const auto macros = std::make_shared<FlexcimArithmetic>(parameters, FlexcimSampleSize{});
  const auto model = Llama::open(checkpoint, {.arithmetic = Arithmetic::kInt8, .flexcim = macros});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().line(),
            "lm_head: no pattern of the machine, {2:4}, holds its zeros; prune it to one of them, or add dense to the "
            "machine's patterns");
}

}  // namespace
}  // namespace sparsecim

#include "sparsity/keep.hpp"

#include <gtest/gtest.h>

namespace sparsecim {
namespace {

Plan two_blocks() {
  Plan plan;
  for (const char* name : {"model.layers.0.self_attn.q_proj", "model.layers.0.mlp.down_proj",
                           "model.layers.1.self_attn.q_proj", "model.layers.1.mlp.down_proj"})
    plan.matrices.push_back({.name = name, .n_out = 8, .n_in = 8});
  return plan;
}

std::vector<bool> fixed_by(Plan& plan, const std::vector<std::string>& texts) {
  std::vector<FixedChoice> choices;
  for (const std::string& text : texts) choices.push_back(parse_fixed_choice(text).value());
  return fix(plan, choices).value();
}

TEST(FixedChoice, IsAPatternAndNames) {
  const auto dense = parse_fixed_choice("dense:model.layers.0.*").value();
  EXPECT_TRUE(dense.pattern.dense());
  EXPECT_EQ(dense.names, "model.layers.0.*");
  const auto sparse = parse_fixed_choice("2:4:*.down_proj").value();
  EXPECT_EQ(sparse.pattern, (Pattern{2, 4}));
  EXPECT_EQ(sparse.names, "*.down_proj");
}

TEST(FixedChoice, IsRefusedWithoutAPatternOrNames) {
  for (const char* text :
       {"", "dense", "dense:", "2:4", "2:4:", "model.layers.0.*", "9:8:x", "2-4:x", ":", "::", ":::"})
    EXPECT_FALSE(parse_fixed_choice(text)) << text;
  EXPECT_EQ(parse_fixed_choice("2:4").error().line(),
            "'2:4' is not a fixed choice; write a pattern and names, for instance dense:model.layers.0.* or "
            "2:4:*.down_proj");
}

TEST(FixedChoices, GiveEveryMatrixOfTheNameThePattern) {
  Plan plan = two_blocks();
  EXPECT_EQ(fixed_by(plan, {"2:4:model.layers.0.*"}), (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(plan.matrices[1].pattern, (Pattern{2, 4}));
  EXPECT_TRUE(plan.matrices[2].pattern.dense());
  EXPECT_EQ(fixed_by(plan, {"1:8:*.layers.?.mlp*"}), (std::vector<bool>{false, true, false, true}));
  EXPECT_EQ(fixed_by(plan, {}), (std::vector<bool>(4, false)));
}

TEST(FixedChoices, OfOneMatrixAreDecidedByTheLast) {
  Plan plan = two_blocks();
  fixed_by(plan, {"dense:*", "2:8:*.q_proj"});
  EXPECT_EQ(plan.matrices[0].pattern, (Pattern{2, 8}));
  EXPECT_TRUE(plan.matrices[1].pattern.dense());
}

TEST(FixedChoices, ThatNameNothingNameTheNearest) {
  Plan plan = two_blocks();
  EXPECT_EQ(fix(plan, std::vector<FixedChoice>{{{}, "model.layers.1.mlp.up_proj"}}).error().line(),
            "no matrix is named 'model.layers.1.mlp.up_proj'; the nearest are model.layers.1.mlp.down_proj, "
            "model.layers.0.mlp.down_proj, model.layers.1.self_attn.q_proj");
  EXPECT_TRUE(fix(plan, std::vector<FixedChoice>{{{}, "*.mpl.*"}})
                  .error()
                  .remedy.starts_with("the nearest are model.layers.0.mlp.down_proj, model.layers.1.mlp.down_proj"));
}

}  // namespace
}  // namespace sparsecim

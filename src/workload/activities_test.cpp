#include "workload/activities.hpp"

#include <gtest/gtest.h>

namespace sparsecim {
namespace {

Activity measured(double toggle) {
  return {.activation_toggle = toggle,
          .held_toggle = toggle,
          .zero_planes = 0.25,
          .idle_planes = 0.125,
          .word_toggle = 0.5,
          .measured = true};
}

TEST(Activities, ReadAsTheyWereWritten) {
  const Activities written = {{"a", measured(0.25)}, {"b", measured(0.375)}};
  const Activities read = activities_from_json(to_json(written)).value();
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read.at("a").activation_toggle, 0.25);
  EXPECT_EQ(read.at("b").activation_toggle, 0.375);
  EXPECT_TRUE(read.at("b").measured);
}

TEST(Activities, AreRefusedWithTheMatrixThatIsWrong) {
  Json json = to_json({{"layers.0.up", measured(0.25)}});
  json["matrices"]["layers.0.up"]["activation_toggle"] = 1.5;
  EXPECT_EQ(activities_from_json(json).error().line(), "layers.0.up: activity: 'activation_toggle' is outside 0 .. 1");
  json["format"] = "sparsecim plan";
  EXPECT_EQ(activities_from_json(json).error().line(), "'format' is 'sparsecim plan', not 'sparsecim activities'");
  json["format"] = "sparsecim activities";
  json["schema_version"] = 2;
  EXPECT_FALSE(activities_from_json(json));
  json["schema_version"] = 1;
  json["matrices"] = Json::array();
  EXPECT_FALSE(activities_from_json(json));
}

TEST(Activities, KeepWhatIsKnownOfTheWeightsAndLeaveAttentionAlone) {
  Workload workload{.name = "w", .operations = {{.name = "up"}, {.name = "scores"}}};
  workload.operations[0].activity.weight_ones = 0.375;
  workload.operations[1].kind = Operation::Kind::kAttention;
  ASSERT_TRUE(set_activities(workload, {{"up", measured(0.25)}}));
  EXPECT_EQ(workload.operations[0].activity.activation_toggle, 0.25);
  EXPECT_EQ(workload.operations[0].activity.weight_ones, 0.375);
  EXPECT_FALSE(workload.operations[1].activity.measured);
}

TEST(Activities, OfAnotherModelAreRefused) {
  Workload workload{.name = "w", .operations = {{.name = "up"}}};
  EXPECT_EQ(set_activities(workload, {{"down", measured(0.25)}}).error().what, "no activity of up was measured");
  const Activities larger = {{"up", measured(0.25)}, {"down", measured(0.25)}};
  EXPECT_EQ(set_activities(workload, larger).error().what, "down was measured, and is not in this model");
  EXPECT_TRUE(set_activities(workload, {{"up", measured(0.25)}, {"lm_head", measured(0.25)}}));
}

}  // namespace
}  // namespace sparsecim

#include "sparsity/plan.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "base/file.hpp"

namespace sparsecim {
namespace {

Plan two_matrices() {
  Plan plan;
  plan.method = "flow";
  plan.requested_sparsity = 0.6;
  plan.other_weights = 100;
  plan.matrices = {{.name = "model.layers.0.mlp.up_proj",
                    .block = 0,
                    .n_out = 6,
                    .n_in = 10,
                    .pattern = {2, 4},
                    .outlier_share = 0.01,
                    .outlier_distribution = 0.9,
                    .outlier_crowding = 1.25,
                    .error = 0.125},
                   {.name = "model.layers.1.mlp.up_proj", .block = 1, .n_out = 4, .n_in = 10, .pattern = {2, 8}}};
  plan.notes = {"sparsity 0.63 for 0.60 asked"};
  plan.proof = {"exact dynamic program", 2.5, 0};
  plan.provenance = {{"verb", "select"}};
  return plan;
}

TEST(Plan, CountsWhatItKeepsByGroups) {
  const Plan plan = two_matrices();
  EXPECT_EQ(plan.matrices[0].kept(), 6 * (2 + 2 + 1)) << "10 = 4 + 4 + 2: the last group keeps ceil(2*2/4)";
  EXPECT_EQ(plan.matrices[1].kept(), 4 * (2 + 1)) << "10 = 8 + 2: the last group keeps ceil(2*2/8)";
  EXPECT_DOUBLE_EQ(plan.sparsity(), 1 - 42 / 100.0);
  EXPECT_DOUBLE_EQ(plan.whole_model_sparsity(), 58 / 200.0);
  EXPECT_EQ(Plan{}.sparsity(), 0);
}

TEST(Plan, CountsTheBytesThatAnAcceleratorStores) {
  const Plan plan = two_matrices();
  EXPECT_EQ(plan.matrices[0].stored_bits(), 30 * (8 + 2)) << "2 bits say where of 4";
  EXPECT_EQ(plan.matrices[1].stored_bits(), 12 * (8 + 3));
  EXPECT_EQ((PlannedMatrix{.n_out = 3, .n_in = 5}.stored_bits()), 15 * 8) << "dense weights need no places";
  EXPECT_EQ((PlannedMatrix{.n_out = 1, .n_in = 48, .pattern = {5, 12}}.stored_bits()), 20 * (8 + 4))
      << "ceil(log2(12))";
  EXPECT_EQ(plan.stored_bytes(), (300 + 132 + 100 * 8 + 7) / 8);
}

TEST(Plan, IsFoundByName) {
  const Plan plan = two_matrices();
  EXPECT_EQ(plan.find("model.layers.1.mlp.up_proj"), &plan.matrices[1]);
  EXPECT_EQ(plan.find("model.layers.1.mlp"), nullptr);
}

TEST(Plan, ComesBackFromJsonUnchanged) {
  const Json json = to_json(two_matrices());
  const auto read = plan_from_json(parse_json(json.dump()).value());
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(to_json(*read), json);
  EXPECT_EQ(read->matrices[0].outlier_share, 0.01);
  EXPECT_EQ(read->matrices[1].outlier_share, std::nullopt);
  EXPECT_EQ(read->matrices[0].error, 0.125);
  EXPECT_EQ(read->proof->solver, "exact dynamic program");
  EXPECT_EQ(read->matrices[1].pattern, (Pattern{2, 8}));
}

TEST(Plan, NeedsNoCountsWhenItIsWrittenByHand) {
  Json json = to_json(two_matrices());
  json.erase("totals");
  for (Json& matrix : json["matrices"]) matrix.erase("kept"), matrix.erase("weights"), matrix["pattern"] = "1:2";
  const auto read = plan_from_json(json);
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_DOUBLE_EQ(read->sparsity(), 0.5);
}

/// What plan_from_json says about the plan above after `change`.
std::string refusal(const std::function<void(Json&)>& change) {
  Json json = to_json(two_matrices());
  change(json);
  const auto read = plan_from_json(json);
  return read ? "accepted" : read.error().what;
}

TEST(Plan, IsRefusedWithThePlaceAndTheKey) {
  EXPECT_EQ(refusal([](Json& j) { j.erase("format"); }), "'format' is missing");
  EXPECT_EQ(refusal([](Json& j) { j["format"] = "gguf"; }), "'format' is 'gguf', not 'sparsecim plan'");
  EXPECT_EQ(refusal([](Json& j) { j["schema_version"] = 2; }), "schema version 2 is not the 1 that this build reads");
  EXPECT_EQ(refusal([](Json& j) { j["requested_sparsity"] = 1.5; }), "'requested_sparsity' is 1.5, outside 0 .. 1");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"] = Json::object(); }), "'matrices' is not a list");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"] = Json::array(); }), "'matrices' is empty");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][1].erase("name"); }), "matrix 1: 'name' is missing");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][1] = 7; }),
            "matrix 1: 'name' is looked for in something that is not an object");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][1]["name"] = j["matrices"][0]["name"]; }),
            "matrix 'model.layers.0.mlp.up_proj' is there twice");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["pattern"] = "9:8"; }),
            "matrix 'model.layers.0.mlp.up_proj': 'pattern': pattern '9:8': N must be in 1 .. M");
  EXPECT_EQ(refusal([](Json& j) { j["notes"] = {1}; }), "'notes' holds something that is not a string");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["outlier_share"] = -1; }),
            "matrix 'model.layers.0.mlp.up_proj': 'outlier_share' is -1, outside 0 .. 1");
}

TEST(Plan, IsRefusedWhereItContradictsItself) {
  const std::string place = "matrix 'model.layers.0.mlp.up_proj': ";
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["kept"] = 31; }),
            place + "'kept' is 31, but shapes and patterns give 30");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["weights"] = 61; }),
            place + "'weights' is 61, but shapes and patterns give 60");
  EXPECT_EQ(refusal([](Json& j) { j["totals"]["kept"] = 1; }),
            "'totals': 'kept' is 1, but shapes and patterns give 42");
  EXPECT_EQ(refusal([](Json& j) { j["totals"]["sparsity"] = 0.5; }),
            "'totals': 'sparsity' is 0.5, but shapes and patterns give 0.58");
  EXPECT_EQ(refusal([](Json& j) { j["totals"]["whole_model_sparsity"] = 0.3; }),
            "'totals': 'whole_model_sparsity' is 0.3, but shapes and patterns give 0.29");
  EXPECT_EQ(refusal([](Json& j) { j["totals"]["stored_bytes"] = 1; }),
            "'totals': 'stored_bytes' is 1, but shapes and patterns give 154");
}

TEST(Plan, IsRefusedWhereSizesAreImpossible) {
  const std::string place = "matrix 'model.layers.0.mlp.up_proj': ";
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["shape"] = {0, 4}; }),
            place + "'shape' is 0, outside 1 .. 16777216");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["shape"] = {4, 18446744073709551615ull}; }),
            place + "'shape' is 18446744073709551615, outside 1 .. 16777216");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["shape"] = {4}; }),
            place + "'shape' has 1 numbers, not [n_out, n_in]");
  EXPECT_EQ(refusal([](Json& j) {
              Json huge = {{"block", 0}, {"shape", {1 << 24, 1 << 24}}, {"pattern", "2:4"}};
              for (int i = 0; i < 33; ++i) huge["name"] = fmt::format("m{}", i), j["matrices"].push_back(huge);
            }),
            "matrix 'm31': the model has more than 2^53 weights");
}

TEST(Plan, NamesTheFileThatItCouldNotRead) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("plan_test_{}.json", ::getpid());
  ASSERT_TRUE(write_plan(path, two_matrices()));
  EXPECT_EQ(to_json(read_plan(path).value()), to_json(two_matrices()));
  ASSERT_TRUE(write_text_file(path, "{\"format\": \"sparsecim plan\""));
  EXPECT_TRUE(read_plan(path).error().what.starts_with(path.string() + ": not valid JSON"))
      << read_plan(path).error().what;
  std::filesystem::remove(path);
}

/// Whatever stands in the place of any value, the answer is an error or a plan, never a crash.
TEST(Plans, SurviveAnyValueInAnyPlace) {
  const Json whole = to_json(two_matrices()), flat = whole.flatten();
  const std::vector<Json> oddities = {nullptr, -1,  0,     1e308,         INT64_MAX,     UINT64_MAX,
                                      "",      "x", false, Json::array(), Json::object()};
  int refused = 0, tried = 0;
  for (const auto& [path, value] : flat.items())
    for (const Json& oddity : oddities) {
      Json changed = whole;
      changed[Json::json_pointer(path)] = oddity;
      refused += !plan_from_json(changed);
      ++tried;
    }
  EXPECT_GT(refused, tried / 2);
}

}  // namespace
}  // namespace sparsecim

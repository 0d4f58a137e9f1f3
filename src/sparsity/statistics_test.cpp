#include "sparsity/statistics.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "base/file.hpp"
#include "base/hash.hpp"

namespace sparsecim {
namespace {

Statistics two_matrices() {
  Statistics statistics;
  statistics.model_fingerprint = "abc123";
  statistics.n_tokens = 4096;
  statistics.other_weights = 17;
  statistics.scope = {{{3, Granularity::kBlock}, {5, Granularity::kMatrix}},
                      {{2, 4}, {4, 8}, {}},
                      {{4, 8}, {2, 8}},
                      LossScope{{4, 8}, 512}};
  statistics.inputs = {{.name = "q", .mean_squares = {0.1f, 4, 1e-30f}}, {.name = "down", .mean_squares = {0, 1}}};
  statistics.matrices = {
      {.name = "q",
       .block = 0,
       .n_out = 4,
       .n_in = 3,
       .input = 0,
       .outliers = {{.weights = 12, .count = 2, .mean_score = 0.3, .distribution = 0.7, .crowding = 1.5},
                    {.weights = 12, .count = 1, .mean_score = 0.3}},
       .dropped = {0.2, 0.1, 0},
       .errors = {0.15, 0.45},
       .rises = {{0.01, 0.002}, {-0.03, 0.04}}},
      {.name = "down",
       .block = 1,
       .n_out = 5,
       .n_in = 2,
       .input = 1,
       .outliers = {{.weights = 10, .count = 0, .mean_score = 0.1, .distribution = 1},
                    {.weights = 10, .count = 3, .mean_score = 0.1}},
       .dropped = {0.3, 0.25, 0},
       .errors = {0.25, 1.5},
       .rises = {{0.02, 0}, {0.5, 0.1}}}};
  statistics.provenance = {{"verb", "select"}};
  return statistics;
}

/// A path of this process that is removed in the end.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("statistics_test_{}.json", ::getpid());
  ~TemporaryFile() { std::filesystem::remove(path); }
};

TEST(Statistics, ComeBackFromTheirFileUnchanged) {
  const TemporaryFile file;
  ASSERT_TRUE(write_statistics(file.path, two_matrices()));
  const auto read = read_statistics(file.path, "abc123");
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(to_json(*read), to_json(two_matrices()));
  EXPECT_EQ(read->inputs[0].mean_squares, two_matrices().inputs[0].mean_squares) << "to the last bit";
  EXPECT_EQ(read->matrices[0].outliers[1].weights, 12);
  EXPECT_EQ(read->find("down")->n_out, 5);
  EXPECT_EQ(read->find("up"), nullptr);
}

TEST(Statistics, OfAnotherModelAreRefused) {
  const TemporaryFile file;
  ASSERT_TRUE(write_statistics(file.path, two_matrices()));
  EXPECT_EQ(read_statistics(file.path, "def456").error().line(),
            file.path.string() +
                ": these are the statistics of another model (abc123 instead of def456); name another "
                "file, or remove this one to collect it again");
}

TEST(Fingerprint, IsOfContentsAndTheirOrderAndNotOfNames) {
  const TemporaryFile first;
  TemporaryFile second;
  second.path += ".second";
  ASSERT_TRUE(write_text_file(first.path, "one"));
  ASSERT_TRUE(write_text_file(second.path, "two"));
  const std::string both = fingerprint({first.path, second.path}).value();
  EXPECT_EQ(both, sha256(sha256("one") + sha256("two")));
  EXPECT_NE(both, fingerprint({second.path, first.path}).value());
  EXPECT_FALSE(fingerprint({first.path, "/nowhere/at/all"}));
}

TEST(ColumnNorms, AreRootsOfMeanSquares) {
  EXPECT_EQ((InputStatistics{.name = "q", .mean_squares = {0, 4, 2.25f}}.column_norms()),
            (std::vector<float>{0, 2, 1.5f}));
}

std::string refusal(const std::function<void(Json&)>& change) {
  Json json = to_json(two_matrices());
  change(json);
  const auto read = statistics_from_json(json);
  return read ? "accepted" : read.error().what;
}

TEST(Statistics, AreRefusedWithThePlaceAndTheKey) {
  EXPECT_EQ(refusal([](Json&) {}), "accepted");
  EXPECT_EQ(refusal([](Json& j) { j["format"] = "sparsecim plan"; }),
            "'format' is 'sparsecim plan', not 'sparsecim statistics'");
  EXPECT_EQ(refusal([](Json& j) { j["schema_version"] = 7; }), "schema version 7 is not the 2 that this build reads");
  EXPECT_EQ(refusal([](Json& j) { j.erase("tokens"); }), "'tokens' is missing");
  EXPECT_EQ(refusal([](Json& j) { j["thresholds"][1]["tau"] = 0; }),
            "threshold 1: 'tau' is 0, outside 1e-06 .. 1000000");
  EXPECT_EQ(refusal([](Json& j) { j["thresholds"][0]["granularity"] = "row"; }),
            "threshold 0: 'granularity': 'row' is neither block nor matrix");
  EXPECT_EQ(refusal([](Json& j) { j["patterns"][0] = "4:2"; }), "'patterns': pattern '4:2': N must be in 1 .. M");
  EXPECT_EQ(refusal([](Json& j) { j["patterns"][0] = 4; }), "'patterns' holds something that is not a string");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["dropped"][1] = 1.5; }),
            "matrix 'q': 'dropped' holds 1.5, no share");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["errors"][1] = -0.5; }),
            "matrix 'q': 'errors' holds -0.5, no error");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][1]["rises"][0].erase("nats"); }),
            "matrix 'down': 'rises': 'nats' is missing");
  EXPECT_EQ(refusal([](Json& j) { j["losses"]["anchors"] = {"4:8", "1:8"}; }),
            "'losses': 'anchors' are not {4:8, 2:8}");
  EXPECT_EQ(refusal([](Json& j) { j["inputs"][0]["mean_squares"][1] = -1; }),
            "input 0: 'mean_squares' holds -1 at 1, no mean square");
  EXPECT_EQ(refusal([](Json& j) { j["inputs"][0]["mean_squares"][2] = 1e39; }),
            "input 0: 'mean_squares' holds 1e+39 at 2, no mean square");
  EXPECT_EQ(refusal([](Json& j) { j["inputs"][0]["mean_squares"][2] = "x"; }),
            "input 0: 'mean_squares' holds \"x\" at 2, no mean square");
  EXPECT_EQ(refusal([](Json& j) { j["inputs"] = Json::array(); }), "matrix 'q': 'input' is 0, outside 0 .. -1");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"] = Json::array(); }), "'matrices' is empty");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][1]["name"] = "q"; }), "matrix 'q' is there twice");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0].erase("outliers"); }), "matrix 'q': 'outliers' is missing");
}

TEST(Statistics, AreRefusedWhereTheyContradictThemselves) {
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["input"] = 1; }),
            "matrix 'q': it has 3 inputs, but input 1 has 2 mean squares");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["outliers"][1]["count"] = 13; }),
            "matrix 'q': outliers 1: 'count' is 13, outside 0 .. 12");
  EXPECT_EQ(refusal([](Json& j) { j["thresholds"].erase(1); }), "matrix 'q': 'outliers' has 2 items, not 1");
  EXPECT_EQ(refusal([](Json& j) { j["patterns"].push_back("1:2"); }), "matrix 'q': 'dropped' has 3 items, not 4");
  EXPECT_EQ(refusal([](Json& j) { j["error_patterns"].push_back("1:2"); }), "matrix 'q': 'errors' has 2 items, not 3");
  EXPECT_EQ(refusal([](Json& j) { j["losses"] = Json(); }), "matrix 'q': 'rises' has 2 items, not 0");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["shape"] = {4, 1 << 25}; }),
            "matrix 'q': 'shape' is 33554432, outside 1 .. 16777216");
}

TEST(Statistics, GiveOutliersOfEachThresholdAndWhatEachPatternDrops) {
  const Statistics statistics = two_matrices();
  EXPECT_EQ(statistics.outliers({5, Granularity::kMatrix}).value()[1].count, 3);
  EXPECT_EQ(
      statistics.outliers({5, Granularity::kBlock}).error().line(),
      "the statistics count no outliers above 5 times the mean of a block; name another --statistics file, so that "
      "it is measured");
  const std::vector<Pattern> options = {{4, 8}, {2, 4}}, unknown = {{1, 2}};
  EXPECT_EQ(statistics.dropped(options).value(), (std::vector<std::vector<double>>{{0.1, 0.2}, {0.25, 0.3}}));
  EXPECT_EQ(statistics.dropped(unknown).error().what, "the statistics do not say what 1:2 drops");
  const std::vector<Pattern> sparser = {{2, 8}};
  EXPECT_EQ(statistics.errors(sparser).value(), (std::vector<std::vector<double>>{{0.45}, {1.5}}));
  EXPECT_EQ(statistics.errors(unknown).error().what, "the statistics do not say the output errors of 1:2");
}

TEST(StatisticsScope, OfTheStandardServesEveryMethodAtBothGranularities) {
  StatisticsScope scope = StatisticsScope::standard();
  EXPECT_EQ(scope.thresholds.size(), 4u);
  EXPECT_EQ(scope.patterns.size(), 7u + 4 + 15) << "the hardware's; odd N and 6 of 8; N of 16";
  scope.add(Threshold{5, Granularity::kMatrix});
  scope.add(Pattern{3, 8});
  EXPECT_EQ(scope.thresholds.size(), 4u) << "nothing twice";
  EXPECT_EQ(scope.patterns.size(), 26u);
  scope.add(Threshold{4, Granularity::kMatrix});
  EXPECT_EQ(scope.thresholds.size(), 5u);
}

/// Whatever stands in the place of any value, the answer is an error or statistics, never a crash.
TEST(Statistics, SurviveAnyValueInAnyPlace) {
  const Json whole = to_json(two_matrices()), flat = whole.flatten();
  const std::vector<Json> oddities = {nullptr, -1,  0,     1e308,         INT64_MAX,     UINT64_MAX,
                                      "",      "x", false, Json::array(), Json::object()};
  int refused = 0, tried = 0;
  for (const auto& [path, value] : flat.items())
    for (const Json& oddity : oddities) {
      Json changed = whole;
      changed[Json::json_pointer(path)] = oddity;
      refused += !statistics_from_json(changed);
      ++tried;
    }
  EXPECT_GT(refused, tried / 2);
}

}  // namespace
}  // namespace sparsecim

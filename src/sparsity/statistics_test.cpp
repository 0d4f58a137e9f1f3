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
  statistics.inputs = {{.name = "q", .mean_squares = {0.1f, 4, 1e-30f}}, {.name = "down", .mean_squares = {0, 1}}};
  statistics.matrices = {{.name = "q",
                          .block = 0,
                          .n_out = 4,
                          .n_in = 3,
                          .input = 0,
                          .outliers = {.weights = 12, .count = 2, .mean_score = 0.3, .distribution = 0.7}},
                         {.name = "down",
                          .block = 1,
                          .n_out = 5,
                          .n_in = 2,
                          .input = 1,
                          .outliers = {.weights = 10, .count = 0, .mean_score = 0.1, .distribution = 1}}};
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
  EXPECT_EQ(read->matrices[0].outliers.weights, 12);
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
  EXPECT_EQ(refusal([](Json& j) { j["schema_version"] = 7; }), "schema version 7 is not the 1 that this build reads");
  EXPECT_EQ(refusal([](Json& j) { j.erase("tokens"); }), "'tokens' is missing");
  EXPECT_EQ(refusal([](Json& j) { j["tau"] = 0; }), "'tau' is 0, outside 1e-06 .. 1000000");
  EXPECT_EQ(refusal([](Json& j) { j["granularity"] = "row"; }), "'granularity': 'row' is neither block nor matrix");
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
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["outliers"]["count"] = 13; }),
            "matrix 'q': 'outliers': 'count' is 13, outside 0 .. 12");
  EXPECT_EQ(refusal([](Json& j) { j["matrices"][0]["shape"] = {4, 1 << 25}; }),
            "matrix 'q': 'shape' is 33554432, outside 1 .. 16777216");
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

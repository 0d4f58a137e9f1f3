#include "report/verdict.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "report/test_record.hpp"

namespace sparsecim::report {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

Record read(const Json& json) {
  auto record = record_from_json(json);
  EXPECT_TRUE(record) << record.error().line();
  return *std::move(record);
}

Verdict judged(const char* pointer, Json value) {
  Json record = test_record::record(2);
  record[Json::json_pointer(pointer)] = std::move(value);
  return verdict_of(read(record));
}

constexpr const char* kFlowPerplexity = "/variants/2/quality/perplexity";

TEST(Verdict, SaysThatTheSubjectIsBetterWhenItsPerplexityIsLower) {
  const auto verdict = judged(kFlowPerplexity, 25.48);
  EXPECT_EQ(verdict.tone, Tone::kBetter);
  EXPECT_EQ(verdict.headline,
            "FLOW is better than Uniform 4:8: perplexity 25.48 against 27.91 (8.7 % lower), both at 50.0 % sparsity.");
}

TEST(Verdict, SaysThatTheSubjectIsWorseWhenItsPerplexityIsHigher) {
  const auto verdict = judged(kFlowPerplexity, 36.0);
  EXPECT_EQ(verdict.tone, Tone::kWorse);
  EXPECT_EQ(verdict.headline,
            "FLOW is worse than Uniform 4:8: perplexity 36.00 against 27.91 (29.0 % higher), both at 50.0 % sparsity.");
  EXPECT_THAT(verdict.least_flattering, HasSubstr("perplexity 29.0 % higher than for Uniform 4:8"));
}

TEST(Verdict, CallsADifferenceBelowHalfAPercentLevel) {
  EXPECT_EQ(judged(kFlowPerplexity, 27.91 * 1.0049).tone, Tone::kLevel);
  EXPECT_EQ(judged(kFlowPerplexity, 27.91 * 1.0051).tone, Tone::kWorse);
  EXPECT_EQ(judged(kFlowPerplexity, 27.91 * 0.9949).tone, Tone::kBetter);
  EXPECT_THAT(judged(kFlowPerplexity, 27.92).headline, StartsWith("FLOW is level with Uniform 4:8"));
}

TEST(Verdict, SaysWhenTheSparsitiesAreNotEqual) {
  EXPECT_THAT(judged("/variants/2/sparsity", 0.513).headline,
              EndsWith("but not at equal sparsity: FLOW has 51.3 %, Uniform 4:8 50.0 %."));
}

TEST(Verdict, DoesNotJudgeAPerplexityThatIsMissing) {
  const auto verdict = judged(kFlowPerplexity, nullptr);
  EXPECT_EQ(verdict.tone, Tone::kUnknown);
  EXPECT_EQ(verdict.headline, "FLOW cannot be compared with Uniform 4:8: a perplexity is missing or not finite.");
}

TEST(Verdict, StatesWhatPruningCostsAgainstTheDenseModel) {
  EXPECT_EQ(judged(kFlowPerplexity, 25.48).sentences[0],
            "The dense model has 17.23: pruned, perplexity is 47.9 % higher.");
  EXPECT_EQ(judged(kFlowPerplexity, 51.69).sentences[0],
            "The dense model has 17.23: pruned, perplexity is 3.00× higher.");
}

TEST(Verdict, ComparesWithDenseOnBothMachinesAtEqualMacros) {
  const auto sentences = judged(kFlowPerplexity, 25.48).sentences;
  ASSERT_EQ(sentences.size(), 3u);
  // 6.23 / 2.66 ms, 3.61 / 2.47 mJ, 195 / 94 us, 21.4 / 14.1 uJ, 14.6 / 13.4 mm2
  EXPECT_EQ(sentences[1],
            "Against Dense on dense-dcim (64 macros each): prefill latency 2.34× lower, energy 1.46× lower; decode "
            "latency 2.07× lower, energy 1.52× lower; area 1.09× larger.");
  EXPECT_THAT(sentences[2], AllOf(StartsWith("Against Dense on flexcim"), EndsWith("area the same.")));
}

TEST(Verdict, NamesTheWorstComparisonEvenIfItIsAWin) {
  Json json = test_record::record(2);
  json["variants"].erase(1);                                                    // no rival
  for (auto& run : json["variants"][0]["hardware"]) run["area_um2"] = nullptr;  // the only loss
  EXPECT_EQ(verdict_of(read(json)).least_flattering,
            "Least flattering of 8 comparisons: prefill energy 1.46× lower than for Dense on dense-dcim.");
}

TEST(Verdict, PicksTheBestOfSeveralRivalsOfEqualSparsity) {
  Json json = test_record::record(2);
  Json worse = json["variants"][1], better = worse, sparser = worse;
  worse["name"] = "uniform-2:4", worse["label"] = "Uniform 2:4", worse["quality"]["perplexity"] = 40;
  better["name"] = "owl", better["label"] = "OWL", better["quality"]["perplexity"] = 24;
  sparser["name"] = "easy", sparser["label"] = "Easy", sparser["sparsity"] = 0.25,
  sparser["quality"]["perplexity"] = 18;
  for (auto& rival : {worse, better, sparser}) json["variants"].push_back(rival);
  EXPECT_THAT(verdict_of(read(json)).headline, StartsWith("FLOW is worse than OWL: perplexity 25.48 against 24.00"));
}

TEST(Verdict, SpeaksOfTheRequestedMethod) {
  EXPECT_THAT(judged("/request/method", "uniform").headline, StartsWith("Uniform 4:8 is worse than FLOW"));
}

TEST(Verdict, SaysSoWhenThereIsNothingToJudge) {
  Json json = test_record::record(2);
  json["variants"] = Json::array();
  const auto verdict = verdict_of(read(json));
  EXPECT_EQ(verdict.headline, "The record holds no pruned model: there is nothing to judge.");
  EXPECT_THAT(verdict.sentences, IsEmpty());
  EXPECT_EQ(verdict.least_flattering, "");
}

TEST(Verdict, LeavesOutRatiosThatHaveNoMeaning) {
  for (const Json& value : {Json(0), Json(-3), Json(nullptr), Json(std::nan(""))}) {
    Json json = test_record::record(2);
    for (auto& run : json["variants"][0]["hardware"]) run["latency_ns"] = value;
    for (const auto& comparison : comparisons_of(read(json)))
      EXPECT_TRUE(comparison.quantity != "latency" || comparison.against == "Uniform 4:8 on flexcim")
          << comparison.against;
  }
}

TEST(Verdict, TakesPhasesFromTheRunsWhenTheRequestNamesNone) {
  Json json = test_record::record(2);
  json["request"].erase("phases");
  EXPECT_THAT(phases_of(read(json)), ElementsAre("prefill", "decode"));
}

}  // namespace
}  // namespace sparsecim::report

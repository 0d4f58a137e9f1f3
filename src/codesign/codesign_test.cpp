#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "checkpoint/random_checkpoint.hpp"
#include "checkpoint/test_files.hpp"
#include "codesign/record.hpp"
#include "evaluate/letter_tokenizer.hpp"
#include "report/report.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

/// A tiny random model through the whole pipeline, on FlexCiM and a dense machine.
class Codesign : public test_files::TemporaryDirectory {
 protected:
  void SetUp() override {
    TemporaryDirectory::SetUp();
    ModelConfig config = RandomCheckpoint::tiny();
    config.n_layers = 4;
    auto checkpoint = std::make_unique<RandomCheckpoint>(config);
    Llama llama = Llama::open(*checkpoint, {}).value();
    dense_ = std::make_unique<OpenModel>(
        OpenModel{std::move(checkpoint), std::make_unique<LetterTokenizer>(true), std::move(llama)});
    const c10::InferenceMode no_gradients;
    at::manual_seed(1);
    calibration_.batches = {at::randint(0, 50, {8, 16}, at::kLong)};
    calibration_.tokens = 8 * 16;
    job_.model = "tiny";
    job_.provenance = {{"verb", "codesign"}};
    job_.calibration = &calibration_;
    job_.evaluation = {{0, 5, 9, 2, 40, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
    job_.machines = {open_machine("flexcim").value(), open_machine("dense-dcim").value()};
    job_.phases = {{.phase = Phase::kPrefill, .tokens = 16}, {.phase = Phase::kDecode, .context = 16}};
  }

  std::unique_ptr<OpenModel> dense_;
  Calibration calibration_;
  CodesignJob job_;
};

TEST_F(Codesign, HoldsFlowBesideTheUniformPlanOfEqualSparsityAndTheDenseModel) {
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  ASSERT_EQ(result.variants.size(), 3u);
  EXPECT_EQ(result.variants[0].plan.sparsity(), 0);
  EXPECT_EQ(result.variants[1].label, "Uniform 4:8");
  EXPECT_DOUBLE_EQ(result.variants[1].plan.sparsity(), result.variants[2].plan.sparsity());
  EXPECT_FALSE(result.variants[0].quality.divergence);
  EXPECT_GT(result.variants[2].quality.divergence->kl_nats, 0);
}

TEST_F(Codesign, GivesThePrunedModelThatThePlanSays) {
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  const auto written = open_checkpoint(directory_ / "model").value();
  for (const PlannedMatrix& matrix : result.plan.matrices) {
    std::vector<float> values(static_cast<std::size_t>(matrix.weights()));
    ASSERT_TRUE(written->read(*written->find(matrix.name + ".weight"), values));
    EXPECT_EQ(std::ranges::count_if(values, [](float value) { return value != 0; }), matrix.kept()) << matrix.name;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1) << "the rival's files are left";
}

TEST_F(Codesign, SimulatesEveryVariantOnEveryMachineInEveryPhaseWithItsRealMasks) {
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  for (const Variant& variant : result.variants) ASSERT_EQ(variant.hardware.size(), 4u) << variant.name;
  const auto energy = [&](std::size_t variant, std::size_t run) {
    return result.variants[variant].hardware[run].simulation.energy_pj.nominal;
  };
  EXPECT_EQ(result.variants[2].hardware[1].machine, "dense-dcim");
  EXPECT_LT(energy(2, 0), energy(0, 0)) << "half of the weights are zero, yet the energy is not lower";
  for (const Variant& variant : result.variants)
    for (const HardwareRun& run : variant.hardware) EXPECT_TRUE(run.simulation.activations_measured) << variant.name;
  EXPECT_NE(result.variants[0].hardware[0].simulation.activation_toggle,
            result.variants[2].hardware[0].simulation.activation_toggle)
      << "the pruned model's activations are not its own";
  EXPECT_LT(energy(2, 1), energy(0, 1)) << "on a dense machine zero weights still switch less";
}

TEST_F(Codesign, WritesARecordThatTheReportReads) {
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  const Json record = make_record(*dense_, job_, result, {});
  EXPECT_EQ(record["provenance"]["verb"], "codesign");
  EXPECT_EQ(record["variants"][2]["quality"]["perplexity"], std::exp(result.variants[2].quality.nats_per_token));
  EXPECT_EQ(record["selection"]["blocks"].size(), 4u);
  const auto page = render_report(parse_json(record.dump()).value());
  ASSERT_TRUE(page) << page.error().line();
  EXPECT_NE(page->find("Uniform 4:8"), std::string::npos);
}

TEST_F(Codesign, OfAUniformPlanHasNoRivalAndNeedsNoOutliers) {
  job_.selection.method = Method::kUniform;
  job_.selection.options = {{2, 4}};
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  ASSERT_EQ(result.variants.size(), 2u);
  EXPECT_EQ(result.variants[1].label, "Uniform 2:4");
  EXPECT_TRUE(render_report(make_record(*dense_, job_, result, {})));
}

TEST_F(Codesign, NamesEveryMethodByItsOwnName) {
  for (const auto& [method, label] : std::vector<std::pair<Method, std::string>>{
           {Method::kOwl, "OWL"}, {Method::kErrorDiag, "Diagonal error"}, {Method::kShuffled, "Shuffled"}}) {
    job_.selection.method = method;
    job_.selection.options = default_options(method);
    const fs::path directory = directory_ / label;
    ASSERT_TRUE(fs::create_directory(directory));
    const auto result = codesign(*dense_, job_, directory);
    ASSERT_TRUE(result) << result.error().line();
    EXPECT_EQ(result->variants.back().label, label);
    EXPECT_EQ(result->variants.back().name, name(method));
    EXPECT_EQ(result->plan.method, name(method));
    EXPECT_TRUE(render_report(make_record(*dense_, job_, *result, {})));
    job_.shuffled = result->plan;
  }
}

TEST_F(Codesign, HoldsTheRoundedDenseModelBesideThePrunedOnes) {
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  ASSERT_EQ(result.baselines.size(), 2u);
  EXPECT_EQ(result.baselines[0].name, "dense-int8");
  EXPECT_EQ(result.baselines[0].stored_bytes, result.variants[0].plan.stored_bytes());
  EXPECT_EQ(result.baselines[1].name, "dense-4bit");
  const Plan& dense = result.variants[0].plan;
  EXPECT_NEAR(static_cast<double>(8 * (result.baselines[1].stored_bytes - dense.other_weights)),
              4 * static_cast<double>(dense.weights()), 0.2 * 4 * static_cast<double>(dense.weights()))
      << "4 bits and the scales";
  for (const Baseline& baseline : result.baselines) EXPECT_GT(baseline.quality.divergence->kl_nats, 0) << baseline.name;
  const Json record = make_record(*dense_, job_, result, {});
  EXPECT_EQ(record["baselines"][1]["label"], "Dense 4-bit weights");
  EXPECT_TRUE(record["pareto"].is_null());
}

class ParetoOfCodesign : public Codesign {
 protected:
  void SetUp() override {
    Codesign::SetUp();
    job_.pareto = ParetoRequest{.sparsities = {0.5, 0.75}, .methods = {job_.selection}};
  }
};

TEST_F(ParetoOfCodesign, TriesEveryMethodAndOnePatternForAllAtEverySparsity) {
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  std::vector<std::string> labels;
  for (const DesignPoint& point : result.points) labels.push_back(point.label);
  for (const char* expected :
       {"Dense", "Dense 4-bit weights", "Uniform 4:8", "Uniform 2:4", "Uniform 2:8", "FLOW at 50 %", "FLOW at 75 %"})
    EXPECT_EQ(std::ranges::count(labels, expected), 1) << expected;
  EXPECT_EQ(result.points[result.subject].label, "FLOW at 50 %");
  for (const DesignPoint& point : result.points) {
    EXPECT_GT(point.perplexity, 1) << point.label;
    EXPECT_EQ(point.latency_ns.has_value(), !point.label.ends_with("weights")) << point.label;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1) << "a tried plan's files are left";
  const auto bytes = static_cast<double>(result.points[result.subject].stored_bytes);
  EXPECT_TRUE(interpolate(result.points, "dense", EqualAt::kStoredBytes, bytes)) << "the widths are not next to it";
  const Json record = make_record(*dense_, job_, result, {});
  EXPECT_EQ(record["pareto"]["points"].size(), result.points.size());
  EXPECT_NE(render_report(parse_json(record.dump()).value()).value().find("id=\"pareto\""), std::string::npos);
}

TEST_F(ParetoOfCodesign, GivesThePlanThatIsAskedForUnchanged) {
  job_.pareto->sparsities = {0.5};
  const CodesignResult with = codesign(*dense_, job_, directory_).value();
  job_.pareto.reset();
  const fs::path other = directory_ / "other";
  ASSERT_TRUE(fs::create_directory(other));
  const CodesignResult without = codesign(*dense_, job_, other).value();
  EXPECT_EQ(to_json(with.plan), to_json(without.plan));
  EXPECT_EQ(with.variants.back().quality.nats_per_token, without.variants.back().quality.nats_per_token);
}

TEST_F(ParetoOfCodesign, SaysWhichPlanCannotBeHad) {
  job_.pareto->sparsities = {0.5, 0.9};
  const CodesignResult result = codesign(*dense_, job_, directory_).value();
  ASSERT_EQ(result.notes.size(), 1u);
  EXPECT_TRUE(result.notes[0].starts_with("FLOW: sparsity 0.9")) << result.notes[0];
}

TEST_F(Codesign, OfASparsityThatNoPlanReachesIsRefused) {
  job_.selection.sparsity = 0.99;
  EXPECT_FALSE(codesign(*dense_, job_, directory_));
}

}  // namespace
}  // namespace sparsecim

#include "prune/prune.hpp"

#include <c10/util/BFloat16.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "checkpoint/random_checkpoint.hpp"
#include "checkpoint/test_files.hpp"
#include "hardware/workload.hpp"
#include "prune/imported.hpp"
#include "prune/random_calibration.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

Plan plan_of(const ModelConfig& config, Pattern pattern) {
  Plan plan;
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (const auto& linear : block_linears(config))
      plan.matrices.push_back({matrix_name(block, linear.name), block, linear.n_out, linear.n_in, pattern, {}, {}});
  return plan;
}

/// The weight after `norms` of all tokens have been applied at once: the oracle's own mask, by sorting.
at::Tensor masked(const at::Tensor& weight, const at::Tensor& inputs, Pattern pattern) {
  at::Tensor values = weight.clone();
  const at::Tensor norms = inputs.to(at::kDouble).square().sum(0).sqrt().to(at::kFloat).contiguous();
  EXPECT_TRUE(apply_nm_plainly({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, weight.size(1),
                               {norms.data_ptr<float>(), static_cast<std::size_t>(norms.numel())}, pattern));
  return values;
}

class Pruning : public test_files::TemporaryDirectory {
 protected:
  /// Prunes into a new directory: the blocks of the checkpoint that was written.
  Result<std::vector<DecoderBlock>> pruned(const Plan& plan, Importance importance, const Calibration* calibration,
                                           const MaskSharing& sharing = {}) {
    const auto out = directory_ / fmt::format("out{}", runs_++);
    std::filesystem::create_directory(out);
    SC_TRY_ASSIGN(auto output, PruneOutput::create(checkpoint_, out, {}));
    SC_TRY(prune(dense_, plan, importance, calibration, output, sharing));
    SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(out));
    SC_TRY_ASSIGN(const Llama model, Llama::load(*checkpoint, {}));
    std::vector<DecoderBlock> blocks;
    for (std::int64_t i = 0; i < model.n_blocks(); ++i) blocks.push_back(model.block(i).value());
    return blocks;
  }
  at::Tensor dense_weight(std::int64_t block, std::size_t i) { return dense_.block(block)->linears[i]; }

  const c10::InferenceMode no_gradients_;
  RandomCheckpoint checkpoint_{RandomCheckpoint::tiny()};
  const Llama dense_ = Llama::open(checkpoint_, {}).value();
  int runs_ = 0;
};

TEST_F(Pruning, ByWandaMasksEachBlockWithWhatItSeesBehindThePrunedOnesBeforeIt) {
  const Pattern pattern{2, 4};
  const Calibration calibration = random_calibration(1);
  const auto blocks = pruned(plan_of(dense_.config(), pattern), Importance::kWanda, &calibration).value();
  at::Tensor hidden = dense_.embed(at::cat(calibration.batches, 0));
  for (std::int64_t block = 0; block < 2; ++block) {
    std::array<at::Tensor, kLinearInputs> inputs;
    dense_.forward_block(dense_.block(block).value(), hidden, nullptr,
                         [&](LinearInput input, const at::Tensor& x) { inputs[static_cast<std::size_t>(input)] = x; });
    const DecoderBlock& got = blocks[static_cast<std::size_t>(block)];
    for (std::size_t i = 0; i < 7; ++i) {
      const auto& input = inputs[static_cast<std::size_t>(kInputOfLinear[i])];
      EXPECT_TRUE(at::equal(got.linears[i], masked(dense_weight(block, i), input, pattern)))
          << "block " << block << ", matrix " << i;
    }
    hidden = dense_.forward_block(got, hidden);  // sequential: through the pruned block
  }
}

TEST_F(Pruning, SaysWhichInputsWereAlwaysZero) {
  checkpoint_.fill("model.layers.1.input_layernorm.weight", 0);
  const Calibration calibration = random_calibration(1);
  for (const Importance importance : {Importance::kWanda, Importance::kSparseGpt}) {
    const auto out = directory_ / fmt::format("dead{}", static_cast<int>(importance));
    std::filesystem::create_directory(out);
    PruneOutput output = PruneOutput::create(checkpoint_, out, {}).value();
    ASSERT_TRUE(prune(dense_, plan_of(checkpoint_.config(), {2, 4}), importance, &calibration, output));
    ASSERT_FALSE(output.notes().empty());
    EXPECT_EQ(output.notes()[0], "model.layers.1.self_attn.q_proj: 24 inputs were always zero");
  }
}

TEST_F(Pruning, ByMagnitudeNeedsNoCalibrationAndByWandaIsRefusedWithout) {
  const auto blocks = pruned(plan_of(dense_.config(), {1, 4}), Importance::kMagnitude, nullptr).value();
  for (const at::Tensor& weight : blocks[1].linears)
    EXPECT_EQ(weight.count_nonzero().item<std::int64_t>(), weight.numel() / 4);
  EXPECT_FALSE(pruned(plan_of(dense_.config(), {1, 4}), Importance::kWanda, nullptr));
}

TEST_F(Pruning, ForSharedPairsGivesMasksWhoseRowsShareThemByEveryImportance) {
  const Calibration calibration = random_calibration(1);
  for (const Importance importance : {Importance::kMagnitude, Importance::kWanda, Importance::kSparseGpt}) {
    const auto blocks =
        pruned(plan_of(dense_.config(), {2, 4}), importance, &calibration, {MaskSharing::Kind::kPairs, 8}).value();
    for (const DecoderBlock& block : blocks)
      for (const at::Tensor& weight : block.linears) {
        const at::Tensor values = weight.contiguous();
        const MaskStatistics mask =
            mask_statistics({values.const_data_ptr<float>(), static_cast<std::size_t>(values.numel())}, weight.size(1));
        EXPECT_LE(mask.pairs_needed(8, 4), 2);
        EXPECT_EQ(weight.count_nonzero().item<std::int64_t>(), weight.numel() / 2);
      }
  }
  const auto refused =
      pruned(plan_of(dense_.config(), {2, 3}), Importance::kMagnitude, nullptr, {MaskSharing::Kind::kPairs, 8});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "model.layers.0.self_attn.q_proj: 2:3 has no pairs to share: its M is odd");
}

/// Keeps of every row the inputs that are multiples of `step`.
class EveryInput : public ImportedMasks {
 public:
  explicit EveryInput(std::int64_t step) : step_(step) {}
  Result<void> read(const std::string&, const LinearShape& shape, std::span<std::uint8_t> keep) const override {
    for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = static_cast<std::int64_t>(i) % shape.n_in % step_ == 0;
    return {};
  }
  std::vector<std::filesystem::path> files() const override { return {}; }

 private:
  std::int64_t step_;
};

TEST_F(Pruning, ByImportedMasksKeepsWhatTheyKeepAndFindsTheirPatterns) {
  const EveryInput masks(4);
  const Plan plan = plan_of_masks(plan_of(dense_.config(), {}), masks).value();
  for (const PlannedMatrix& matrix : plan.matrices) EXPECT_EQ(matrix.pattern, (Pattern{1, 4})) << matrix.name;
  auto output = PruneOutput::create(checkpoint_, directory_, {}).value();
  ASSERT_TRUE(prune_by_masks(plan, masks, output));
  const auto written = open_checkpoint(directory_).value();
  const Llama model = Llama::load(*written, {}).value();
  for (std::int64_t block = 0; block < model.n_blocks(); ++block)
    for (std::size_t i = 0; i < 7; ++i) {
      const at::Tensor before = dense_weight(block, i), keep = at::arange(before.size(1)).remainder(4) == 0;
      EXPECT_TRUE(at::equal(model.block(block)->linears[i], before * keep));
    }
}

TEST_F(Pruning, ByMasksThatKeepMoreThanThePlanIsRefusedWithThePlace) {
  auto output = PruneOutput::create(checkpoint_, directory_, {}).value();
  const auto refused = prune_by_masks(plan_of(dense_.config(), {1, 4}), EveryInput(2), output);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what,
            "model.layers.0.self_attn.q_proj: row 0, inputs 0 .. 3: the mask keeps 2, 1:4 at most 1");
  Plan other = plan_of(dense_.config(), {1, 2});
  other.matrices.pop_back();
  auto second = PruneOutput::create(checkpoint_, directory_, {}).value();
  EXPECT_NE(prune_by_masks(other, EveryInput(2), second).error().what.find("another model"), std::string::npos);
}

TEST_F(Pruning, ByADensePlanChangesNothing) {
  const Calibration calibration = random_calibration(1);
  const auto blocks = pruned(plan_of(dense_.config(), {}), Importance::kWanda, &calibration).value();
  for (std::size_t i = 0; i < 7; ++i) EXPECT_TRUE(at::equal(blocks[0].linears[i], dense_weight(0, i)));
}

TEST_F(Pruning, LeavesAModelThatHoldsItsBlocksAsItIs) {
  const Llama loaded = Llama::load(checkpoint_, {}).value();
  auto output = PruneOutput::create(checkpoint_, directory_, {}).value();
  ASSERT_TRUE(prune(loaded, plan_of(loaded.config(), {2, 4}), Importance::kMagnitude, nullptr, output));
  for (std::size_t i = 0; i < 7; ++i) EXPECT_TRUE(at::equal(loaded.block(0)->linears[i], dense_weight(0, i)));
}

TEST_F(Pruning, ByAPlanOfAnotherModelIsRefused) {
  Plan short_plan = plan_of(dense_.config(), {2, 4});
  short_plan.matrices.pop_back();
  Plan misshapen = plan_of(dense_.config(), {2, 4});
  misshapen.matrices[3].n_out += 8;
  Plan misplaced = plan_of(dense_.config(), {2, 4});
  misplaced.matrices[3].block = 1;
  for (const Plan& plan : {short_plan, misshapen, misplaced}) {
    const auto refused = pruned(plan, Importance::kMagnitude, nullptr);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("another model"), std::string::npos);
  }
}

TEST_F(Pruning, OfWeightsThatMakeInfiniteActivationsIsRefused) {
  std::ranges::fill(checkpoint_.values("model.layers.0.mlp.gate_proj.weight"), 3e38f);
  const Calibration calibration = random_calibration(1);
  EXPECT_FALSE(pruned(plan_of(dense_.config(), {2, 4}), Importance::kWanda, &calibration));
}

TEST_F(Pruning, KeepsTheSourcesOwnValuesWhereItComputesInFewerBits) {
  const Llama narrow = Llama::open(checkpoint_, {.dtype = at::kBFloat16}).value();
  auto output = PruneOutput::create(checkpoint_, directory_, {}).value();
  ASSERT_TRUE(prune(narrow, plan_of(narrow.config(), {2, 4}), Importance::kMagnitude, nullptr, output));
  const auto written = open_checkpoint(directory_).value();
  for (const TensorInfo& info : checkpoint_.tensors()) {
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    ASSERT_TRUE(written->read(*written->find(info.name), values));
    const auto& source = checkpoint_.values(info.name);
    const bool linear = info.name.find("proj") != std::string::npos;
    EXPECT_EQ(std::ranges::count(values, 0.0f), linear ? std::ssize(values) / 2 : 0) << info.name;
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_TRUE(values[i] == 0 || values[i] == source[i]) << info.name;
  }
}

/// A plan that leaves block 0 dense and every second matrix of the others.
Plan mixed_plan(const ModelConfig& config) {
  Plan plan = plan_of(config, {2, 4});
  for (std::size_t i = 0; i < plan.matrices.size(); ++i)
    if (plan.matrices[i].block == 0 || i % 2 == 1) plan.matrices[i].pattern = {};
  return plan;
}

TEST_F(Pruning, BySparseGptWhileComputingInFewerBitsLeavesDenseMatricesAndWritesWholeFloats) {
  const Calibration calibration = random_calibration(1);
  const Llama narrow = Llama::open(checkpoint_, {.dtype = at::kBFloat16}).value();
  const Plan plan = mixed_plan(narrow.config());
  auto output = PruneOutput::create(checkpoint_, directory_, {}).value();
  ASSERT_TRUE(prune(narrow, plan, Importance::kSparseGpt, &calibration, output));
  const auto written = open_checkpoint(directory_).value();
  for (const PlannedMatrix& matrix : plan.matrices) {
    std::vector<float> values(static_cast<std::size_t>(matrix.weights()));
    const std::string name = matrix.name + ".weight";
    ASSERT_TRUE(written->read(*written->find(name), values));
    EXPECT_TRUE(!matrix.pattern.dense() || values == checkpoint_.values(name)) << name;
    const auto more_than_8_bits = [](float value) { return value != static_cast<float>(c10::BFloat16(value)); };
    EXPECT_TRUE(std::ranges::any_of(values, more_than_8_bits)) << name;
    EXPECT_EQ(std::ranges::count_if(values, [](float value) { return value != 0; }), matrix.kept()) << name;
  }
}

TEST_F(Pruning, BySparseGptIsCloserToTheDenseModelThanByWanda) {
  const Calibration calibration = random_calibration(1);
  const at::Tensor ids = at::cat(calibration.batches, 0);
  const auto distance = [&](Importance importance) {
    const auto blocks = pruned(plan_of(dense_.config(), {2, 4}), importance, &calibration).value();
    at::Tensor hidden = dense_.embed(ids);
    for (const DecoderBlock& block : blocks) hidden = dense_.forward_block(block, hidden);
    return (hidden - dense_.forward(ids).value()).square().mean().item<double>();
  };
  EXPECT_LT(distance(Importance::kSparseGpt), 0.8 * distance(Importance::kWanda));
}

/// Pruning that can be stopped and gone on with, of four blocks: by importance, in a type.
class ResumedPruning : public test_files::TemporaryDirectory,
                       public testing::WithParamInterface<std::pair<Importance, at::ScalarType>> {
 protected:
  ResumedPruning() : checkpoint_(four_blocks()) {}
  static ModelConfig four_blocks() {
    ModelConfig config = RandomCheckpoint::tiny();
    config.n_layers = 4;
    return config;
  }
  Result<PruneOutput> resume(const std::string& job = "job", bool replace = false) {
    return PruneOutput::resume(checkpoint_, directory_, {{"plan", "of " + job}}, job, replace,
                               1e9);  // keeps each block
  }
  /// Goes on where the directory's last run stopped. Errors: as prune().
  Result<void> run(PruneOutput& output) {
    return prune(model_, plan_of(model_.config(), {2, 4}), GetParam().first, &calibration_, output);
  }
  /// A run that fails at block 2, whose matrix it cannot read.
  void stop_at_block_2() {
    checkpoint_.broken = "model.layers.2.mlp.up_proj.weight";
    auto output = resume().value();
    output.note("something happened");
    ASSERT_FALSE(run(output));
    EXPECT_EQ(output.saved_blocks(), 2);
    EXPECT_FALSE(output.can_be_gone_on_with()) << "the matrix will be as unreadable for the same job";
    checkpoint_.broken.clear();
  }
  std::string weights() const { return test_files::file_bytes(directory_ / "model.safetensors"); }
  void forget() const {
    ASSERT_TRUE(forget_progress(directory_));
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) std::filesystem::remove_all(entry.path());
  }

  const c10::InferenceMode no_gradients_;
  RandomCheckpoint checkpoint_;
  const Llama model_ = Llama::open(checkpoint_, {.dtype = GetParam().second}).value();
  const Calibration calibration_ = random_calibration(1);
};

using Variant = std::pair<Importance, at::ScalarType>;

std::string name_of(const testing::TestParamInfo<Variant>& variant) {
  const std::string type = variant.param.second == at::kFloat ? "" : "InBFloat16";
  if (variant.param.first == Importance::kMagnitude) return "Magnitude" + type;
  return (variant.param.first == Importance::kWanda ? "Wanda" : "SparseGpt") + type;
}

INSTANTIATE_TEST_SUITE_P(By, ResumedPruning,
                         testing::Values(Variant{Importance::kWanda, at::kFloat},
                                         Variant{Importance::kWanda, at::kBFloat16},
                                         Variant{Importance::kSparseGpt, at::kFloat},
                                         Variant{Importance::kMagnitude, at::kFloat}),
                         name_of);

TEST_P(ResumedPruning, GivesTheSameBytesAsARunThatWasNeverStopped) {
  {
    auto whole = resume().value();
    ASSERT_TRUE(run(whole));
  }
  const std::string expected = weights();
  forget();
  stop_at_block_2();
  auto output = resume().value();
  EXPECT_EQ(output.finished_blocks(), 2);
  EXPECT_EQ(output.notes(), std::vector<std::string>{"something happened"});
  ASSERT_TRUE(run(output));
  EXPECT_TRUE(output.can_be_gone_on_with());
  const Plan plan = plan_of(model_.config(), {2, 4});
  EXPECT_EQ(output.zeros(), plan.weights() - plan.kept());
  EXPECT_EQ(weights(), expected);
}

TEST_P(ResumedPruning, ThatHasWrittenEverythingHasNothingLeftToDo) {
  {
    auto whole = resume().value();
    ASSERT_TRUE(run(whole));
  }
  const std::string expected = weights();
  checkpoint_.broken = "model.layers.0.mlp.up_proj.weight";
  auto output = resume().value();
  EXPECT_EQ(output.finished_blocks(), 4);
  EXPECT_TRUE(run(output)) << "a block was pruned again";
  EXPECT_EQ(weights(), expected);
}

TEST_P(ResumedPruning, OfAnotherJobIsRefusedUnlessItIsToBeReplaced) {
  stop_at_block_2();
  const auto refused = resume("another job");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("--force"), std::string::npos);
  EXPECT_EQ(resume("job", true)->finished_blocks(), 2) << "the same job was replaced";
  test_files::write_file(directory_ / "chat_template.jinja", "of the other model");
  EXPECT_EQ(resume("another job", true)->finished_blocks(), 0);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "chat_template.jinja"));
}

TEST_P(ResumedPruning, InADirectoryOfSomethingElseIsRefused) {
  test_files::write_file(directory_ / "thesis", "years of work");
  EXPECT_FALSE(resume());
  EXPECT_FALSE(resume("job", true));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "thesis"));
}

TEST_P(ResumedPruning, FromDamagedFilesIsRefused) {
  stop_at_block_2();
  const auto states = directory_ / "resume" / "states-2.safetensors";
  EXPECT_EQ(std::filesystem::exists(states), GetParam().first != Importance::kMagnitude);
  if (std::filesystem::exists(states)) {
    const std::string whole = test_files::file_bytes(states);
    test_files::write_file(states, whole.substr(0, whole.size() / 2));
    EXPECT_FALSE(resume());
    test_files::write_file(states, whole);
  }
  EXPECT_TRUE(resume());
  test_files::write_file(directory_ / "model.safetensors.partial", "short");
  EXPECT_FALSE(resume());
  test_files::write_file(directory_ / "resume" / "progress.json", "{");
  EXPECT_FALSE(resume());
}

}  // namespace
}  // namespace sparsecim

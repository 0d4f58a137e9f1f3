#include "prune/prune.hpp"

#include <gtest/gtest.h>

#include "checkpoint/random_checkpoint.hpp"
#include "checkpoint/test_files.hpp"
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

Calibration calibration_of(std::uint64_t seed) {
  at::manual_seed(seed);
  Calibration calibration;
  for (int i = 0; i < 3; ++i) calibration.batches.push_back(at::randint(0, 50, {4, 16}, at::kLong));
  calibration.tokens = 3 * 4 * 16;
  return calibration;
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
  Result<std::vector<DecoderBlock>> pruned(const Plan& plan, Importance importance, const Calibration* calibration) {
    const auto out = directory_ / fmt::format("out{}", runs_++);
    std::filesystem::create_directory(out);
    SC_TRY_ASSIGN(auto output, PruneOutput::create(checkpoint_, out, {}));
    SC_TRY(prune(dense_, plan, importance, calibration, output));
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
  const Calibration calibration = calibration_of(1);
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

TEST_F(Pruning, ByMagnitudeNeedsNoCalibrationAndByWandaIsRefusedWithout) {
  const auto blocks = pruned(plan_of(dense_.config(), {1, 4}), Importance::kMagnitude, nullptr).value();
  for (const at::Tensor& weight : blocks[1].linears)
    EXPECT_EQ(weight.count_nonzero().item<std::int64_t>(), weight.numel() / 4);
  EXPECT_FALSE(pruned(plan_of(dense_.config(), {1, 4}), Importance::kWanda, nullptr));
}

TEST_F(Pruning, ByADensePlanChangesNothing) {
  const Calibration calibration = calibration_of(1);
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
  for (const Plan& plan : {short_plan, misshapen}) {
    const auto refused = pruned(plan, Importance::kMagnitude, nullptr);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("another model"), std::string::npos);
  }
}

TEST_F(Pruning, OfWeightsThatMakeInfiniteActivationsIsRefused) {
  std::ranges::fill(checkpoint_.values("model.layers.0.mlp.gate_proj.weight"), 3e38f);
  const Calibration calibration = calibration_of(1);
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

/// Pruning that can be stopped and gone on with: of four blocks.
class ResumedPruning : public test_files::TemporaryDirectory {
 protected:
  ResumedPruning() : checkpoint_(four_blocks()) {}
  static ModelConfig four_blocks() {
    ModelConfig config = RandomCheckpoint::tiny();
    config.n_layers = 4;
    return config;
  }
  Result<PruneOutput> resume(const std::string& job = "job", bool restart = false) {
    return PruneOutput::resume(checkpoint_, directory_, {}, job, restart, /*save_share=*/1e9);  // after every block
  }
  /// Goes on where the directory's last run stopped. Errors: as prune().
  Result<void> run(PruneOutput& output) {
    return prune(model_, plan_of(model_.config(), {2, 4}), Importance::kWanda, &calibration_, output);
  }
  /// A run that fails at block 2, whose matrix it cannot read.
  void stop_at_block_2() {
    checkpoint_.broken = "model.layers.2.mlp.up_proj.weight";
    auto output = resume().value();
    ASSERT_FALSE(run(output));
    EXPECT_EQ(output.saved_blocks(), 2);
    checkpoint_.broken.clear();
  }
  std::string weights() const { return test_files::file_bytes(directory_ / "model.safetensors"); }

  const c10::InferenceMode no_gradients_;
  RandomCheckpoint checkpoint_;
  const Llama model_ = Llama::open(checkpoint_, {}).value();
  const Calibration calibration_ = calibration_of(1);
};

TEST_F(ResumedPruning, GivesTheSameBytesAsARunThatWasNeverStopped) {
  auto whole = resume().value();
  ASSERT_TRUE(run(whole));
  const std::string expected = weights();
  std::filesystem::remove(directory_ / "model.safetensors");
  stop_at_block_2();
  auto output = resume().value();
  EXPECT_EQ(output.finished_blocks(), 2);
  ASSERT_TRUE(run(output));
  EXPECT_EQ(weights(), expected);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "resume"));
}

TEST_F(ResumedPruning, OfAnotherJobIsRefusedUnlessItIsToStartAgain) {
  stop_at_block_2();
  const auto refused = resume("another job");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("--force"), std::string::npos);
  EXPECT_EQ(resume("another job", true)->finished_blocks(), 0);
}

TEST_F(ResumedPruning, FromDamagedFilesIsRefused) {
  stop_at_block_2();
  const auto states = directory_ / "resume" / "states-2.safetensors";
  const std::string whole = test_files::file_bytes(states);
  test_files::write_file(states, whole.substr(0, whole.size() / 2));
  EXPECT_FALSE(resume());
  test_files::write_file(states, whole);
  EXPECT_TRUE(resume());
  test_files::write_file(directory_ / "model.safetensors.partial", "short");
  EXPECT_FALSE(resume());
  test_files::write_file(directory_ / "resume" / "progress.json", "{");
  EXPECT_FALSE(resume());
}

}  // namespace
}  // namespace sparsecim

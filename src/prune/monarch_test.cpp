#include "prune/monarch.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "checkpoint/random_checkpoint.hpp"
#include "checkpoint/test_files.hpp"
#include "prune/projection.hpp"
#include "prune/random_calibration.hpp"

namespace sparsecim {
namespace {

class ModelProjection : public test_files::TemporaryDirectory {
 protected:
  using Shapes = std::map<std::string, MonarchShape>;

  /// Projects into a new directory; opens what was written.
  Result<std::unique_ptr<Checkpoint>> projected(const Shapes& shapes, const Calibration* calibration) {
    const auto out = directory_ / fmt::format("out{}", runs_++);
    std::filesystem::create_directory(out);
    SC_TRY_ASSIGN(auto output, PruneOutput::create(checkpoint_, out, {}, shapes));
    SC_TRY_ASSIGN(done_, project_model(dense_, shapes, calibration, output));
    return open_checkpoint(out);
  }
  at::Tensor dense_weight(std::int64_t block, std::size_t i) { return dense_.block(block)->linears[i]; }
  /// Of the logits for some ids.
  double error_of(const Checkpoint& checkpoint, const at::Tensor& ids) {
    const Llama model = Llama::load(checkpoint, {}).value();
    const at::Tensor wanted = dense_.logits(dense_.forward(ids).value());
    return ((model.logits(model.forward(ids).value()) - wanted).norm() / wanted.norm()).item<double>();
  }

  const c10::InferenceMode no_gradients_;
  RandomCheckpoint checkpoint_{RandomCheckpoint::tiny()};
  const Llama dense_ = Llama::open(checkpoint_, {}).value();
  std::vector<FactoredMatrix> done_;
  int runs_ = 0;
};

TEST_F(ModelProjection, WritesTheNearestFactorsOfEveryMatrixAndTheirErrors) {
  for (const auto& blocks : {std::optional<std::int64_t>(3), std::optional<std::int64_t>()}) {
    const Shapes shapes = monarch_shapes(dense_.config(), blocks).value();
    const auto written = projected(shapes, nullptr).value();
    const Llama model = Llama::load(*written, {}).value();
    ASSERT_EQ(done_.size(), 14);
    for (std::size_t m = 0; m < done_.size(); ++m) {
      const auto block = static_cast<std::int64_t>(m / 7);
      const at::Tensor weight = dense_weight(block, m % 7);
      const MonarchLinear& factors = *model.block(block)->factored[m % 7];
      EXPECT_EQ(factors.shape, shapes.at(done_[m].name));
      EXPECT_TRUE(at::equal(factors.left, project(weight, factors.shape)->factors.left)) << done_[m].name;
      const double error = ((weight - dense_of(factors)).norm() / weight.norm()).item<double>();
      EXPECT_NEAR(done_[m].error, error, 1e-5);
      EXPECT_NEAR(done_[m].least_error, error, 1e-5) << "predicted by the singular values";
      EXPECT_TRUE(done_[m].output_errors.empty());
    }
  }
}

TEST_F(ModelProjection, OfSomeMatricesLeavesTheOthers) {
  const Shapes shapes = {{"model.layers.1.mlp.up_proj", monarch_of_blocks(40, 24, 4).value()}};
  const auto written = projected(shapes, nullptr).value();
  const Llama model = Llama::load(*written, {}).value();
  EXPECT_EQ(done_.size(), 1);
  EXPECT_TRUE(model.block(1)->factored[5]);
  EXPECT_TRUE(at::equal(model.block(1)->linears[6], dense_weight(1, 6)));
  EXPECT_TRUE(at::equal(model.block(0)->linears[5], dense_weight(0, 5)));
}

TEST_F(ModelProjection, CalibratedErrsLessInTheOutputsOfTheTextThatItSaw) {
  const Calibration calibration = random_calibration(1);
  const at::Tensor ids = at::cat(calibration.batches);
  for (const auto& blocks : {std::optional<std::int64_t>(2), std::optional<std::int64_t>()}) {
    const Shapes shapes = monarch_shapes(dense_.config(), blocks).value();
    const auto plain = projected(shapes, nullptr).value();
    const auto fitted = projected(shapes, &calibration).value();
    for (const FactoredMatrix& matrix : done_) {
      EXPECT_TRUE(std::ranges::is_sorted(matrix.output_errors, std::greater<>())) << matrix.name;
      EXPECT_GE(matrix.error, matrix.least_error - 1e-6);
    }
    EXPECT_LT(error_of(*fitted, ids), 0.95 * error_of(*plain, ids));
  }
}

TEST_F(ModelProjection, RefusesBlocksThatSomeMatrixDoesNotHaveAndFactoredModels) {
  EXPECT_EQ(monarch_shapes(dense_.config(), 13).error().line(),
            "the model's matrices do not all have 13 Monarch blocks; choose 1 .. 12 blocks, or sqrt");
  EXPECT_FALSE(monarch_shapes(dense_.config(), 0));
  EXPECT_EQ(monarch_shapes(dense_.config(), 12)->size(), 14);
  const auto written = projected(monarch_shapes(dense_.config(), 2).value(), nullptr).value();
  const Llama factored = Llama::open(*written, {}).value();
  auto output = PruneOutput::create(*written, directory_, {}).value();
  EXPECT_FALSE(project_model(factored, {}, nullptr, output));
}

}  // namespace
}  // namespace sparsecim

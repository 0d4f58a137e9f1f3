#include "prune/monarch.hpp"

#include <algorithm>
#include <cmath>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "prune/block_states.hpp"
#include "prune/calibrated_projection.hpp"
#include "prune/projection.hpp"

namespace sparsecim {
namespace {

/// Rounded to the type that the factors are stored in, `storage` of the dense matrix, and back to float32.
MonarchLinear as_stored(const MonarchLinear& factors, const std::string& storage) {
  const auto type = storage == "F16" ? at::kHalf : storage == "BF16" ? at::kBFloat16 : at::kFloat;
  return {factors.shape, factors.left.to(type).to(at::kFloat), factors.right.to(type).to(at::kFloat)};
}

double share_of(double squared_part, double squared_whole) {
  return squared_whole > 0 ? std::sqrt(squared_part / squared_whole) : 0;
}

/// Projects the matrices of one block, one after the other in the order of block_linears.
class BlockProjector {
 public:
  /// `moments`: null where only the weights are looked at.
  BlockProjector(const Llama& model, const std::map<std::string, MonarchShape>& shapes, InputGrams* moments,
                 PruneOutput& output)
      : model_(model), shapes_(shapes), moments_(moments), output_(output) {}

  /// Takes the factors over into `block`; gives them by their tensors' names.
  Result<std::map<std::string, at::Tensor>> project(DecoderBlock& block, std::int64_t index,
                                                    std::vector<FactoredMatrix>& done) {
    std::map<std::string, at::Tensor> tensors;
    const auto linears = block_linears(model_.config());
    for (std::size_t i = 0; i < linears.size(); ++i) {
      const std::string name = matrix_name(index, linears[i].name);
      const auto shape = shapes_.find(name);
      if (shape == shapes_.end()) continue;
      SC_TRY(check_interrupt());
      done.push_back({.name = name, .linear = linears[i].name, .shape = shape->second});
      SC_TRY_ASSIGN(const MonarchLinear factors, within(name, project_matrix(kInputOfLinear[i], done.back())));
      tensors.emplace(fmt::format("{}{}", name, kMonarchRight), factors.right);
      tensors.emplace(fmt::format("{}{}", name, kMonarchLeft), factors.left);
      const Compute& compute = model_.compute();
      block.factored[i] = {factors.shape, factors.left.to(compute.device, compute.dtype),
                           factors.right.to(compute.device, compute.dtype)};
      block.linears[i].reset();
    }
    return tensors;
  }

 private:
  Result<MonarchLinear> project_matrix(LinearInput input, FactoredMatrix& matrix) {
    const std::string tensor = matrix.name + ".weight";
    SC_TRY_ASSIGN(const at::Tensor weight,
                  read_tensor(output_.source(), tensor, {}));  // whatever the model computes in
    SC_TRY_ASSIGN(Projection projection, sparsecim::project(weight, matrix.shape));
    matrix.least_error = share_of(projection.squared_error, projection.squared_norm);
    if (moments_) {
      SC_TRY_ASSIGN(auto calibrated, calibrate_projection(weight, moments_of(input), projection.factors));
      projection.factors = std::move(calibrated.factors);
      matrix.output_errors = std::move(calibrated.output_errors);
    }
    MonarchLinear stored = as_stored(projection.factors, output_.source().find(tensor)->storage);
    const at::Tensor difference = (weight - dense_of(stored)).to(at::kDouble);
    matrix.error = share_of(difference.square().sum().item<double>(), projection.squared_norm);
    return stored;
  }

  /// Several matrices in a row share them.
  const at::Tensor& moments_of(LinearInput input) {
    if (moments_input_ != input) {
      taken_.reset();
      taken_ = moments_->take(input);
      moments_input_ = input;
    }
    return taken_;
  }

  const Llama& model_;
  const std::map<std::string, MonarchShape>& shapes_;
  InputGrams* moments_;
  PruneOutput& output_;
  at::Tensor taken_;  // moments of `moments_input_`
  std::optional<LinearInput> moments_input_;
};

Result<std::vector<FactoredMatrix>> project_blocks(const Llama& model,
                                                   const std::map<std::string, MonarchShape>& shapes,
                                                   const Calibration* calibration, PruneOutput& output) {
  std::vector<FactoredMatrix> done;
  std::vector<at::Tensor> states;
  if (calibration)
    for (const at::Tensor& batch : calibration->batches) states.push_back(model.embed(batch));
  Progress progress("projecting", model.n_blocks(), "blocks");
  for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
    SC_TRY_ASSIGN(DecoderBlock block, model.block(i));
    InputGrams moments;
    SC_TRY(observe_block(model, block, states, [&](LinearInput input, const at::Tensor& x) { moments.add(input, x); }));
    BlockProjector projector(model, shapes, calibration ? &moments : nullptr, output);
    SC_TRY_ASSIGN(const auto tensors, projector.project(block, i, done));
    SC_TRY(output.write(tensors, Change::kValues));
    if (i + 1 < model.n_blocks()) SC_TRY(run_block(model, block, states));
    progress.advance(1);
  }
  return done;
}

}  // namespace

Json to_json(const FactoredMatrix& matrix) {
  Json json = {{"name", matrix.name}};
  json.update(to_json(matrix.shape));
  json["weights"] = matrix.shape.n_out * matrix.shape.n_in;
  json["parameters"] = matrix.shape.parameters();
  json["useful_parameters"] = matrix.shape.useful_parameters();
  json["least_error"] = matrix.least_error;
  json["error"] = matrix.error;
  if (!matrix.output_errors.empty()) json["output_errors"] = matrix.output_errors;
  return json;
}

Result<std::map<std::string, MonarchShape>> monarch_shapes(const ModelConfig& config,
                                                           std::optional<std::int64_t> blocks) {
  std::map<std::string, MonarchShape> shapes;
  std::int64_t most = INT64_MAX;
  const auto linears = block_linears(config);
  for (const LinearShape& linear : linears) most = std::min({most, linear.n_out, linear.n_in});
  if (blocks && (*blocks < 1 || *blocks > most))
    return fail(Remedy{fmt::format("choose 1 .. {} blocks, or sqrt", most)},
                "the model's matrices do not all have {} Monarch blocks", *blocks);
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (const LinearShape& linear : linears) {
      SC_TRY_ASSIGN(shapes[matrix_name(block, linear.name)], blocks
                                                                 ? monarch_of_blocks(linear.n_out, linear.n_in, *blocks)
                                                                 : monarch_of_squares(linear.n_out, linear.n_in));
    }
  return shapes;
}

Result<std::vector<FactoredMatrix>> project_model(const Llama& model, const std::map<std::string, MonarchShape>& shapes,
                                                  const Calibration* calibration, PruneOutput& output) {
  SC_TRY(require_dense(model.config(), "cannot be projected again"));
  SC_TRY_ASSIGN(auto done, guarded([&] { return project_blocks(model, shapes, calibration, output); }));
  SC_TRY(output.commit());
  return done;
}

}  // namespace sparsecim

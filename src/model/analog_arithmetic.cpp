#include "model/analog_arithmetic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "base/threads.hpp"
#include "model/row_product.hpp"

namespace sparsecim {
namespace {

/// Rounds `n` values to whole numbers of a step, halves to even, and returns the step: the largest magnitude over the
/// largest number of `bits` bits. Of 8 bits, quantise_rows of kernels/quantise.hpp. Infinite where a value is infinite
/// or NaN.
float round_row(const float* values, std::int64_t n, std::int64_t bits, std::int64_t* rounded) {
  float largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(values[i])) return std::numeric_limits<float>::infinity();
    largest = std::max(largest, std::abs(values[i]));
  }
  const std::int64_t most = (std::int64_t{1} << (bits - 1)) - 1;
  const float scale = largest / static_cast<float>(most);
  const bool nothing = scale < std::numeric_limits<float>::min();
  for (std::int64_t i = 0; i < n; ++i)
    rounded[i] = nothing ? 0 : std::clamp(static_cast<std::int64_t>(std::nearbyint(values[i] / scale)), -most, most);
  return nothing ? 0 : scale;
}

/// Values of one token in the order and the number that a stage reads; what is padded is zero.
Result<void> round_tokens(std::span<const float> values, std::int64_t n_values, std::int64_t read, std::int64_t bits,
                          std::vector<std::int64_t>& rounded, std::vector<float>& scales) {
  const std::int64_t tokens = std::ssize(scales);
  rounded.assign(static_cast<std::size_t>(tokens * read), 0);
  parallel_for(tokens, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t)
      scales[static_cast<std::size_t>(t)] =
          round_row(values.data() + t * n_values, n_values, bits, rounded.data() + t * read);
  });
  for (const float scale : scales)
    if (std::isinf(scale)) return fail("a value is infinite or NaN, which {} bits cannot be", bits);
  return {};
}

/// sums [tokens, outputs] with both scales.
std::vector<float> scaled(std::span<const std::int64_t> sums, std::span<const float> token_scales,
                          std::span<const float> scales) {
  std::vector<float> values(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i)
    values[i] = static_cast<float>(sums[i]) * token_scales[i / scales.size()] * scales[i % scales.size()];
  return values;
}

/// FNV-1a (Fowler, Noll and Vo): the same for a name everywhere.
std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

Result<void> AnalogLinear::forward(std::span<const float> activations, std::span<float> outputs) const {
  const std::int64_t tokens = std::ssize(activations) / n_inputs();
  SC_CHECK(std::ssize(activations) == tokens * n_inputs() && std::ssize(outputs) == tokens * n_outputs());
  std::vector<float> values(activations.begin(), activations.end()), token_scales(static_cast<std::size_t>(tokens));
  std::vector<std::int64_t> inputs, sums;
  std::int64_t n_values = n_inputs();
  for (const Stage& stage : stages_) {
    const ArrayStage& shape = stage.arrays.layout().stage();
    SC_TRY(round_tokens(values, n_values, shape.read(), stage.bits, inputs, token_scales));
    n_values = shape.written();
    sums.resize(static_cast<std::size_t>(tokens * n_values));
    matrix_->count += stage.arrays.multiply(inputs, matrix_->tokens, sums);
    values = scaled(sums, token_scales, stage.scales);
  }
  for (std::int64_t t = 0; t < tokens; ++t)
    std::copy_n(values.data() + t * n_values, n_outputs(), outputs.data() + t * n_outputs());
  matrix_->tokens += tokens;
  return {};
}

at::Tensor linear_analog(const at::Tensor& input, const AnalogLinear& weight, const at::Tensor& bias) {
  return row_product(input, weight, bias);
}

/// weights: blocks x [outputs, inputs], float.
Result<AnalogLinear::Stage> AnalogArithmetic::program(const std::string& name, CellMapping mapping,
                                                      const ArrayStage& stage, std::size_t number,
                                                      const at::Tensor& weights) const {
  const NumberFormat& format = parameters_.format;
  if (format.weight_bits < 2) return fail(Remedy{"choose weights.bits of 2 or more"}, "weights of 1 bit are all zero");
  const at::Tensor values = weights.to(at::kFloat).contiguous();
  SC_CHECK(values.numel() == stage.weights());
  std::vector<std::int64_t> rounded(static_cast<std::size_t>(stage.weights()));
  std::vector<float> scales(static_cast<std::size_t>(stage.written()));
  for (std::int64_t block = 0; block < stage.blocks; ++block)
    for (std::int64_t output = 0; output < stage.outputs; ++output) {
      const std::int64_t row = stage.weight(block, output, 0);
      const float scale =
          round_row(values.const_data_ptr<float>() + row, stage.inputs, format.weight_bits, rounded.data() + row);
      if (std::isinf(scale)) return fail("row {} holds a value that is infinite or NaN", row / stage.inputs);
      scales[static_cast<std::size_t>(stage.out.at(block, output))] = scale;
    }
  SC_TRY_ASSIGN(std::shared_ptr<const Layout> layout, Layout::make(mapping, stage, parameters_.array));
  SC_TRY_ASSIGN(ProgrammedStage arrays,
                ProgrammedStage::program(std::move(layout), {format, number, parameters_.converters}, rounded,
                                         parameters_.noise, seed_ ^ (hash_of(name) + number)));
  return AnalogLinear::Stage{std::move(arrays), std::move(scales),
                             number == 0 ? format.input_bits : format.middle_bits};
}

std::shared_ptr<const AnalogLinear> AnalogArithmetic::keep(const std::string& name,
                                                           std::vector<AnalogLinear::Stage> stages,
                                                           std::int64_t n_inputs, std::int64_t n_outputs) {
  AnalogMatrix& matrix = matrices_[name];
  matrix.n_inputs = n_inputs;
  matrix.n_outputs = n_outputs;
  matrix.mapping = kCellMappingNames[static_cast<std::size_t>(stages.front().arrays.layout().mapping())];
  matrix.codes.clear();
  for (const AnalogLinear::Stage& stage : stages) matrix.codes.push_back(stage.arrays.code());
  return std::make_shared<const AnalogLinear>(std::move(stages), matrix);
}

Result<std::shared_ptr<const AnalogLinear>> AnalogArithmetic::store(const std::string& name, const at::Tensor& weight) {
  const std::int64_t n_outputs = weight.size(0), n_inputs = weight.size(1);
  SC_TRY_ASSIGN(AnalogLinear::Stage stage,
                within(name, program(name, CellMapping::kLinear, dense_stage(n_outputs, n_inputs), 0, weight)));
  std::vector<AnalogLinear::Stage> stages;
  stages.push_back(std::move(stage));
  return keep(name, std::move(stages), n_inputs, n_outputs);
}

Result<std::shared_ptr<const AnalogLinear>> AnalogArithmetic::store(const std::string& name,
                                                                    const MonarchLinear& factors) {
  if (parameters_.blocks != 0 && parameters_.blocks != factors.shape.blocks)
    return fail(Remedy{fmt::format("leave monarch.blocks out, or choose {}", factors.shape.blocks)},
                "{}: it is stored as factors of {} blocks, not {}", name, factors.shape.blocks, parameters_.blocks);
  const CellMapping mapping = parameters_.mapping == CellMapping::kLinear ? CellMapping::kSparse : parameters_.mapping;
  const std::vector<ArrayStage> shapes = stages_of(factors.shape);
  const at::Tensor* const weights[] = {&factors.right, &factors.left};
  std::vector<AnalogLinear::Stage> stages;
  for (std::size_t s = 0; s < shapes.size(); ++s) {
    SC_TRY_ASSIGN(AnalogLinear::Stage stage, within(name, program(name, mapping, shapes[s], s, *weights[s])));
    stages.push_back(std::move(stage));
  }
  return keep(name, std::move(stages), factors.shape.n_in, factors.shape.n_out);
}

ConversionCount AnalogArithmetic::count() const {
  ConversionCount all;
  for (const auto& [name, matrix] : matrices_) all += matrix.count;
  return all;
}

Json to_json(const AnalogArithmetic& arithmetic) {
  Json matrices = Json::array();
  for (const auto& [name, matrix] : arithmetic.matrices()) {
    Json bits = Json::array(), shifts = Json::array();
    for (const ConverterCode& code : matrix.codes) {
      bits.push_back(code.bits);
      shifts.push_back(code.shift);
    }
    matrices.push_back({{"name", name},
                        {"n_inputs", matrix.n_inputs},
                        {"n_outputs", matrix.n_outputs},
                        {"mapping", matrix.mapping},
                        {"adc_bits", std::move(bits)},
                        {"adc_shift", std::move(shifts)},
                        {"tokens", matrix.tokens},
                        {"conversions", matrix.count.conversions},
                        {"clipped", matrix.count.clipped}});
  }
  return {{"parameters", arithmetic.shown()},
          {"seed", arithmetic.seed()},
          {"conversions", arithmetic.count().conversions},
          {"clipped", arithmetic.count().clipped},
          {"matrices", std::move(matrices)}};
}

}  // namespace sparsecim

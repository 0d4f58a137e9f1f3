#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/analog/parameters.hpp"
#include "hardware/analog/programmed_stage.hpp"
#include "model/monarch_linear.hpp"

namespace sparsecim {

/// What is known of a matrix in arrays.
struct AnalogMatrix {
  std::int64_t n_inputs = 0, n_outputs = 0;
  std::string mapping;
  std::vector<ConverterCode> codes;  // of its stages
  std::int64_t tokens = 0;           // that went through it
  ConversionCount count;
};

/// A linear matrix in analog arrays: dense, or its two factors one after the other. Weights are rounded by row, what a
/// stage reads by token, to the bits of the arrays' numbers; what columns give is scaled back in float32. Where no sum
/// is rounded or moved, a dense matrix gives QuantisedLinear's outputs bit for bit.
class AnalogLinear {
 public:
  struct Stage {
    ProgrammedStage arrays;
    std::vector<float> scales;  // of its outputs, by address
    std::int64_t bits = 8;      // of its inputs
  };

  /// What goes through it is counted in `matrix`, which outlives it.
  AnalogLinear(std::vector<Stage> stages, AnalogMatrix& matrix) : stages_(std::move(stages)), matrix_(&matrix) {}

  std::int64_t n_inputs() const { return matrix_->n_inputs; }
  std::int64_t n_outputs() const { return matrix_->n_outputs; }

  /// `activations` [n_tokens, n_inputs], `outputs` [n_tokens, n_outputs] row-major. Not for several threads at once.
  /// REQUIRES: those sizes. Errors: a value that is infinite or NaN.
  Result<void> forward(std::span<const float> activations, std::span<float> outputs) const;

 private:
  std::vector<Stage> stages_;
  AnalogMatrix* matrix_;
};

/// x W^T + bias: [..., n_in] -> [..., n_out], float32 on the CPU; all NaN where a value of `input` is not finite.
/// `bias` may be undefined.
at::Tensor linear_analog(const at::Tensor& input, const AnalogLinear& weight, const at::Tensor& bias);

/// A model's products with weights as analog arrays compute them. What a matrix's cells and reads are moved by follows
/// from the seed, the matrix's name and the tokens that went through it before, so that a run can be repeated. One
/// object serves a model whose blocks are read again and again.
class AnalogArithmetic {
 public:
  AnalogArithmetic(const AnalogParameters& parameters, Json shown, std::uint64_t seed)
      : parameters_(parameters), shown_(std::move(shown)), seed_(seed) {}

  /// weight [n_out, n_in] lies as by the mapping linear, whatever the machine's is. What is returned must not outlive
  /// this object. Errors: as ProgrammedStage::program;
  /// a weight that is not finite.
  Result<std::shared_ptr<const AnalogLinear>> store(const std::string& name, const at::Tensor& weight);
  /// Factors lie as by the machine's mapping; under linear, which is for whole matrices, as by sparsemap. Errors also:
  /// Layout::make's.
  Result<std::shared_ptr<const AnalogLinear>> store(const std::string& name, const MonarchLinear& factors);

  const AnalogParameters& parameters() const { return parameters_; }
  /// By name.
  const std::map<std::string, AnalogMatrix>& matrices() const { return matrices_; }
  ConversionCount count() const;
  std::uint64_t seed() const { return seed_; }
  /// The machine's parameters, for result files.
  const Json& shown() const { return shown_; }

 private:
  Result<AnalogLinear::Stage> program(const std::string& name, CellMapping mapping, const ArrayStage& stage,
                                      std::size_t number, const at::Tensor& weights) const;
  std::shared_ptr<const AnalogLinear> keep(const std::string& name, std::vector<AnalogLinear::Stage> stages,
                                           std::int64_t n_inputs, std::int64_t n_outputs);

  AnalogParameters parameters_;
  Json shown_;
  std::uint64_t seed_;
  std::map<std::string, AnalogMatrix> matrices_;
};

/// parameters, seed, conversions, clipped, matrices (of each: mapping, adc_bits and adc_shift of its stages, tokens,
/// conversions, clipped).
Json to_json(const AnalogArithmetic& arithmetic);

}  // namespace sparsecim

#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"
#include "kernels/quantised_linear.hpp"
#include "model/analog_arithmetic.hpp"
#include "model/device.hpp"
#include "model/monarch_linear.hpp"
#include "model/rotary.hpp"

namespace sparsecim {

/// Keys and values of the tokens seen so far, for one decoder block.
struct KeyValueCache {
  at::Tensor keys, values;  // [batch, n_kv_heads, capacity, head_dim]
  std::int64_t length = 0;  // positions filled
};

/// The inputs that the linear matrices of a block read; matrices with the same input share its statistics.
enum class LinearInput { kAttention, kAttentionOutput, kMlp, kMlpHidden };
inline constexpr int kLinearInputs = 4;
/// Which input a matrix reads, by its index in block_linears(): q k v o gate up down.
inline constexpr std::array<LinearInput, 7> kInputOfLinear = {
    LinearInput::kAttention, LinearInput::kAttention, LinearInput::kAttention, LinearInput::kAttentionOutput,
    LinearInput::kMlp,       LinearInput::kMlp,       LinearInput::kMlpHidden};
/// Sees an input, [tokens, features], just before the matrices that read it.
using InputObserver = std::function<void(LinearInput input, const at::Tensor& activations)>;

/// One decoder block: RMSNorm, attention, RMSNorm, gated MLP (LLaMA: arXiv 2302.13971, section 2.2).
struct DecoderBlock {
  at::Tensor attention_norm, mlp_norm;                                   // [hidden]
  std::array<at::Tensor, 7> linears;                                     // q k v o gate up down, each [n_out, n_in]
  std::array<std::shared_ptr<const QuantisedLinear>, 7> quantised = {};  // in their place, in 8-bit arithmetic
  std::array<std::optional<MonarchLinear>, 7> factored = {};             // in their place, where stored so
  std::array<std::shared_ptr<const AnalogLinear>, 7> analog = {};        // in place of both, in analog arrays
  std::array<at::Tensor, 7> biases;    // of the same, [n_out]; undefined where none is added
  std::optional<std::int64_t> window;  // tokens that a token sees, itself included; none: all before it
};

/// x W^T + bias in 8-bit arithmetic: [..., n_in] -> [..., n_out], float32 on the CPU. `bias` may be undefined. All NaN
/// where a value of `input` is not finite, which has no 8-bit form.
at::Tensor linear_int8(const at::Tensor& input, const QuantisedLinear& weight, const at::Tensor& bias);
/// The matrix `name`, [n_out, n_in], quantised by row; put into macros where the compute has them. Errors:
/// QuantisedLinear's, FlexcimArithmetic's.
Result<std::shared_ptr<const QuantisedLinear>> quantise(const std::string& name, const at::Tensor& weight,
                                                        const Compute& compute);

/// Reads one tensor in the compute type onto the compute device. Errors: the checkpoint's; no tensor of this name.
Result<at::Tensor> read_tensor(const Checkpoint& checkpoint, const std::string& name, const Compute& compute);
/// Block `index` of the checkpoint. Errors: as read_tensor's; Monarch factors, for which there is no exact 8-bit
/// arithmetic; AnalogArithmetic's.
Result<DecoderBlock> read_block(const Checkpoint& checkpoint, std::int64_t index, const Compute& compute);

/// [batch, tokens, hidden] -> the same. Positions start behind what `cache` holds (at 0 without one); the cache is
/// extended. REQUIRES: room in the cache.
at::Tensor forward_block(const ModelConfig& config, const RotaryTable& rotary, const DecoderBlock& block,
                         const at::Tensor& hidden, KeyValueCache* cache = nullptr, const InputObserver& observe = {});

}  // namespace sparsecim

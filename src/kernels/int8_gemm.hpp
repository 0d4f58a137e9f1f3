#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/int8_kernel.hpp"

namespace sparsecim {

/// The kernels that were compiled in, fastest first; the last one runs everywhere. Not all of them run on this
/// processor: ask runs_here().
std::span<const Int8Kernel* const> int8_kernels();
/// The first of int8_kernels() that runs here.
const Int8Kernel& fastest_int8_kernel();

/// Inputs for which no sum of int8 products can leave int32: 131071 * 128 * 128 < 2^31.
inline constexpr std::int64_t kMostInt8Inputs = 131071;

/// A weight matrix, laid out once for a kernel that multiplies it by many activations. Products are exact.
class PackedInt8 {
 public:
  /// `weights` [n_outputs, n_inputs] row-major. REQUIRES: 1 <= n_inputs <= kMostInt8Inputs divides weights.size();
  /// kernel.runs_here().
  PackedInt8(std::span<const std::int8_t> weights, std::int64_t n_inputs,
             const Int8Kernel& kernel = fastest_int8_kernel());

  std::int64_t n_inputs() const { return n_inputs_; }
  std::int64_t n_outputs() const { return n_outputs_; }
  const Int8Kernel& kernel() const { return *kernel_; }

  /// outputs[t, o] = sum over i of activations[t, i] * weights[o, i], on thread_count() threads. `activations`
  /// [n_tokens, n_inputs] and `outputs` [n_tokens, n_outputs] row-major. REQUIRES: those sizes.
  void multiply(std::span<const std::int8_t> activations, std::span<std::int32_t> outputs) const;

 private:
  struct alignas(64) Line {
    std::uint8_t bytes[64];
  };
  struct Activations;
  struct Job;

  std::int64_t n_steps() const { return (n_inputs_ + kernel_->group - 1) / kernel_->group; }
  std::int64_t n_panels() const { return (n_outputs_ + kernel_->panel_outputs - 1) / kernel_->panel_outputs; }
  std::int64_t panel_bytes() const { return n_steps() * kernel_->panel_outputs * kernel_->group; }
  const std::uint8_t* panel(std::int64_t index) const { return weights_.data()->bytes + index * panel_bytes(); }
  Activations pack(std::span<const std::int8_t> activations) const;
  void multiply_panel(const Job& job, std::int64_t panel, std::int64_t first_token, std::int64_t end_token) const;
  void multiply_run(const Job& job, std::int64_t panel, std::int64_t first_token, std::int64_t end_token,
                    std::int32_t* sums, std::int64_t stride) const;

  const Int8Kernel* kernel_;
  std::int64_t n_inputs_, n_outputs_;
  std::vector<Line> weights_;  // [n_panels][n_steps][panel_outputs][group] bytes, missing ones zero
};

/// The same in three loops: what the kernels are tested against.
void multiply_int8_plainly(std::span<const std::int8_t> weights, std::span<const std::int8_t> activations,
                           std::int64_t n_inputs, std::span<std::int32_t> outputs);

}  // namespace sparsecim

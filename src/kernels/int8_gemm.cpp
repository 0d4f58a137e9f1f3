#include "kernels/int8_gemm.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

/// Inputs of a panel that are multiplied by a run of tokens before the next ones: 64 outputs x 1024 stay in the L2
/// cache (and half of them in L1), while sums are stored and loaded again only every few thousand cycles.
constexpr std::int64_t kRunInputs = 1024;
/// Token blocks that share a panel before the next panel: work for one thread at least, sums of at most 24 KiB.
constexpr std::int64_t kRunBlocks = 16;
/// Below this a further thread costs more than it takes off: starting one takes some 20 us.
constexpr double kMacsWorthThreads = 4e6;

template <class T>
T* at(void* bytes, std::int64_t index) {
  return static_cast<T*>(bytes) + index;
}

/// One row of `n` values into groups that lie `apart` elements from each other.
template <class T>
void scatter_groups(const std::int8_t* row, std::int64_t n, std::int64_t group, std::int64_t apart, T* out) {
  for (std::int64_t i = 0; i < n; i += group, out += apart)
    for (std::int64_t j = 0; j < std::min(group, n - i); ++j) out[j] = static_cast<T>(row[i + j]);
}

}  // namespace

std::span<const Int8Kernel* const> int8_kernels() {
  static const Int8Kernel* const kKernels[] = {
#ifdef __x86_64__
      &kAvx512VnniInt8, &kAvxVnniInt8, &kAvx2Int8,
#endif
      &kPortableInt8};
  return kKernels;
}

const Int8Kernel& fastest_int8_kernel() {
  static const Int8Kernel& fastest =
      **std::ranges::find_if(int8_kernels(), [](const Int8Kernel* kernel) { return kernel->runs_here(); });
  return fastest;
}

PackedInt8::PackedInt8(std::span<const std::int8_t> weights, std::int64_t n_inputs, const Int8Kernel& kernel)
    : kernel_(&kernel), n_inputs_(n_inputs) {
  SC_CHECK(n_inputs >= 1 && n_inputs <= kMostInt8Inputs && std::ssize(weights) % n_inputs == 0);
  SC_CHECK(kernel.runs_here());
  n_outputs_ = std::ssize(weights) / n_inputs;
  const auto offset = static_cast<std::uint8_t>(kernel.weight_offset);
  const std::int64_t group = kernel.group, width = kernel.panel_outputs * group;
  weights_.resize(static_cast<std::size_t>((n_panels() * panel_bytes() + 63) / 64));
  for (std::int64_t output = 0; output < n_outputs_; ++output) {
    const std::int64_t lane = output % kernel.panel_outputs;
    std::uint8_t* out = weights_.data()->bytes + output / kernel.panel_outputs * panel_bytes() + lane * group;
    scatter_groups(weights.data() + output * n_inputs, n_inputs, group, width, out);
    for (std::int64_t step = 0; step < n_steps(); ++step)
      for (std::int64_t j = 0; j < group; ++j) out[step * width + j] += offset;
  }
}

/// Token blocks one after the other, each [n_steps][tokens of the block][group].
struct PackedInt8::Activations {
  std::vector<Line> values;
  std::vector<std::int32_t> start;  // [n_tokens]: takes off what the weights' offset adds
};

PackedInt8::Activations PackedInt8::pack(std::span<const std::int8_t> activations) const {
  const std::int64_t n_tokens = std::ssize(activations) / n_inputs_;
  const std::int64_t group = kernel_->group, row = n_steps() * group, block = kernel_->block_tokens;
  Activations packed{
      std::vector<Line>(static_cast<std::size_t>((n_tokens * row * kernel_->activation_bytes + 63) / 64)),
      std::vector<std::int32_t>(static_cast<std::size_t>(n_tokens))};
  const auto pack_tokens = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t token = begin; token < end; ++token) {
      const std::int64_t first = token / block * block, lane = token - first;
      const std::int64_t tokens = std::min(block, n_tokens - first);
      const std::int8_t* values = activations.data() + token * n_inputs_;
      const std::int64_t out = first * row + lane * group;
      if (kernel_->activation_bytes == 1)
        scatter_groups(values, n_inputs_, group, tokens * group, at<std::int8_t>(packed.values.data(), out));
      else
        scatter_groups(values, n_inputs_, group, tokens * group, at<std::int16_t>(packed.values.data(), out));
      std::int32_t sum = 0;
      for (std::int64_t i = 0; i < n_inputs_; ++i) sum += values[i];
      packed.start[static_cast<std::size_t>(token)] = -kernel_->weight_offset * sum;
    }
  };
  pack_tokens(0, n_tokens);
  return packed;
}

struct PackedInt8::Job {
  const Activations& activations;
  std::int64_t n_tokens;
  std::int32_t* outputs;
};

/// Tokens [first_token, end_token) through one panel; first_token begins a block.
void PackedInt8::multiply_run(const Job& job, std::int64_t panel_index, std::int64_t first_token,
                              std::int64_t end_token, std::int32_t* sums, std::int64_t stride) const {
  const std::int64_t run_steps = kRunInputs / kernel_->group;
  const std::int64_t step_bytes = kernel_->group * kernel_->activation_bytes;
  const auto* activations = reinterpret_cast<const std::uint8_t*>(job.activations.values.data());
  for (std::int64_t step = 0; step < n_steps(); step += run_steps)
    for (std::int64_t token = first_token; token < end_token; token += kernel_->block_tokens) {
      const std::int64_t tokens = std::min(kernel_->block_tokens, job.n_tokens - token);
      kernel_->multiply({.activations = activations + (token * n_steps() + tokens * step) * step_bytes,
                         .weights = panel(panel_index) + step * kernel_->panel_outputs * kernel_->group,
                         .n_steps = std::min(run_steps, n_steps() - step),
                         .n_tokens = tokens,
                         .start = step == 0 ? job.activations.start.data() + token : nullptr,
                         .sums = sums + (token - first_token) * stride,
                         .stride = stride});
    }
}

void PackedInt8::multiply_panel(const Job& job, std::int64_t panel_index, std::int64_t first_token,
                                std::int64_t end_token) const {
  const std::int64_t first_output = panel_index * kernel_->panel_outputs;
  const std::int64_t outputs = std::min(kernel_->panel_outputs, n_outputs_ - first_output);
  std::int32_t* target = job.outputs + first_token * n_outputs_ + first_output;
  if (outputs == kernel_->panel_outputs)
    return multiply_run(job, panel_index, first_token, end_token, target, n_outputs_);
  std::vector<std::int32_t> sums(static_cast<std::size_t>((end_token - first_token) * kernel_->panel_outputs));
  multiply_run(job, panel_index, first_token, end_token, sums.data(), kernel_->panel_outputs);
  for (std::int64_t token = 0; token < end_token - first_token; ++token)
    std::copy_n(sums.data() + token * kernel_->panel_outputs, outputs, target + token * n_outputs_);
}

void PackedInt8::multiply(std::span<const std::int8_t> activations, std::span<std::int32_t> outputs) const {
  SC_CHECK(std::ssize(activations) % n_inputs_ == 0);
  const std::int64_t n_tokens = std::ssize(activations) / n_inputs_;
  SC_CHECK(std::ssize(outputs) == n_tokens * n_outputs_);
  const Activations packed = pack(activations);
  const Job job{packed, n_tokens, outputs.data()};
  const std::int64_t run_tokens = kRunBlocks * kernel_->block_tokens;
  const std::int64_t runs = (n_tokens + run_tokens - 1) / run_tokens;
  const auto work = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first_token = i % runs * run_tokens;
      multiply_panel(job, i / runs, first_token, std::min(first_token + run_tokens, n_tokens));
    }
  };
  const double macs = static_cast<double>(n_tokens) * static_cast<double>(n_outputs_) * static_cast<double>(n_inputs_);
  macs < kMacsWorthThreads ? work(0, runs * n_panels()) : parallel_for(runs * n_panels(), work);
}

void multiply_int8_plainly(std::span<const std::int8_t> weights, std::span<const std::int8_t> activations,
                           std::int64_t n_inputs, std::span<std::int32_t> outputs) {
  const std::int64_t n_outputs = std::ssize(weights) / n_inputs, n_tokens = std::ssize(activations) / n_inputs;
  for (std::int64_t token = 0; token < n_tokens; ++token)
    for (std::int64_t output = 0; output < n_outputs; ++output) {
      std::int32_t sum = 0;
      for (std::int64_t i = 0; i < n_inputs; ++i)
        sum += static_cast<std::int32_t>(activations[static_cast<std::size_t>(token * n_inputs + i)]) *
               weights[static_cast<std::size_t>(output * n_inputs + i)];
      outputs[static_cast<std::size_t>(token * n_outputs + output)] = sum;
    }
}

}  // namespace sparsecim

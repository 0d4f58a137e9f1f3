// How fast the int8 kernels of this processor multiply, beside their instruction's own limit. A kernel whose result is
// wrong is not timed.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <random>

#include "base/threads.hpp"
#include "int8_peak.hpp"
#include "kernels/int8_gemm.hpp"
#include "kernels/quantise.hpp"
#include "measure.hpp"

namespace sparsecim::bench {
namespace {

struct Shape {
  std::int64_t tokens, inputs, outputs;
};

std::vector<std::int8_t> random_bytes(std::int64_t n, std::mt19937_64& random) {
  std::vector<std::int8_t> bytes(static_cast<std::size_t>(n));
  for (std::int8_t& byte : bytes) byte = static_cast<std::int8_t>(random());
  return bytes;
}

/// 10^9 multiply-accumulates per second of one core's registers; 0 where the kernel has no instruction for them.
double peak_gmac_per_s(const Int8Kernel& kernel) {
  constexpr std::int64_t kRounds = 20'000;
  std::int64_t macs = 0;
  const Times times = measure(100, [&] { macs = multiply_in_registers(kernel.name, kRounds); });
  return static_cast<double>(macs) / times.least_s / 1e9;
}

/// The first few tokens against plain loops.
bool is_right(std::span<const std::int8_t> weights, std::span<const std::int8_t> activations, std::int64_t inputs,
              std::span<const std::int32_t> sums) {
  const auto tokens = std::min<std::int64_t>(3, std::ssize(activations) / inputs);
  std::vector<std::int32_t> expected(static_cast<std::size_t>(tokens * (std::ssize(weights) / inputs)));
  multiply_int8_plainly(weights, activations.first(static_cast<std::size_t>(tokens * inputs)), inputs, expected);
  return std::ranges::equal(expected, sums.first(expected.size()));
}

bool time_product(const Int8Kernel& kernel, double peak, Shape shape, int repetitions) {
  std::mt19937_64 random(1);
  const auto weights = random_bytes(shape.outputs * shape.inputs, random);
  const auto activations = random_bytes(shape.tokens * shape.inputs, random);
  std::vector<std::int32_t> sums(static_cast<std::size_t>(shape.tokens * shape.outputs));
  const PackedInt8 packed(weights, shape.inputs, kernel);
  const Times times = measure(repetitions, [&] { packed.multiply(activations, sums); });
  if (!is_right(weights, activations, shape.inputs, sums)) {
    fmt::print(stderr, "error: {}: {} x {} x {}: wrong sums; not timed\n", kernel.name, shape.tokens, shape.inputs,
               shape.outputs);
    return false;
  }
  const double gmacs = static_cast<double>(shape.tokens * shape.inputs) * static_cast<double>(shape.outputs) / 1e9;
  const double share = peak > 0 ? 100 * gmacs / times.least_s / (peak * thread_count()) : 0;
  fmt::print("{:12} {:5} x {:5} x {:5} {:10.3f} {:10.3f} {:9.1f} {:>8}\n", kernel.name, shape.tokens, shape.inputs,
             shape.outputs, 1e3 * times.least_s, 1e3 * times.median_s, gmacs / times.least_s,
             peak > 0 ? fmt::format("{:.0f} %", share) : "-");
  return true;
}

void time_quantising(const Int8Kernel& kernel, Shape shape, int repetitions) {
  std::vector<float> values(static_cast<std::size_t>(shape.tokens * shape.inputs));
  std::mt19937_64 random(1);
  for (float& value : values) value = std::uniform_real_distribution<float>(-1, 1)(random);
  std::vector<std::int8_t> integers(values.size());
  std::vector<float> scales(static_cast<std::size_t>(shape.tokens));
  const Times times =
      measure(repetitions, [&] { (void)quantise_rows(values, shape.inputs, integers, scales, kernel).has_value(); });
  fmt::print("{:12} {:5} x {:5}         {:10.3f} {:10.3f}   {:.2f} values/ns\n", kernel.name, shape.tokens,
             shape.inputs, 1e3 * times.least_s, 1e3 * times.median_s,
             static_cast<double>(values.size()) / times.least_s / 1e9);
}

bool run(int repetitions) {
  constexpr Shape kShapes[] = {{512, 576, 1536}, {512, 4096, 4096}, {512, 14336, 4096}, {1, 4096, 4096}};
  fmt::print("{}, {} used; times of {} repetitions\n\n", machine(), thread_count(), repetitions);
  fmt::print("{:12} {:21} {:>10} {:>10} {:>9} {:>8}\n", "kernel", "tokens, inputs, outputs", "least, ms", "median, ms",
             "GMAC/s", "of peak");
  bool right = true;
  for (const Int8Kernel* kernel : int8_kernels()) {
    if (!kernel->runs_here()) continue;
    const double peak = peak_gmac_per_s(*kernel);
    if (peak > 0) fmt::print("{:12} registers only, a core: {:.0f} GMAC/s\n", kernel->name, peak);
    for (const Shape shape : kShapes) right = time_product(*kernel, peak, shape, repetitions) && right;
  }
  fmt::print("\nquantising rows\n");
  for (const Int8Kernel* kernel : int8_kernels())
    if (kernel->runs_here()) time_quantising(*kernel, {512, 4096, 0}, repetitions);
  return right;
}

}  // namespace
}  // namespace sparsecim::bench

int main(int argc, char** argv) {
  CLI::App app("Times the int8 kernels; every result is checked against plain loops");
  int threads = 1, repetitions = 15;
  app.add_option("--threads", threads, "threads to use")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--repetitions", repetitions, "measured calls")->check(CLI::Range(1, 100000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sparsecim::set_thread_count(threads);
  return sparsecim::bench::run(repetitions) ? 0 : 1;
}

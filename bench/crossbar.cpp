// How fast an analog array is computed, cell by cell, with the noise of reads and the converters: one 256 x 256 array,
// eight bit planes. Sums that differ from the plain reference's are not timed.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "hardware/analog/crossbar.hpp"
#include "measure.hpp"

namespace sparsecim::bench {
namespace {

constexpr std::int64_t kSide = 256;

struct Inputs {
  std::vector<float> cells, digits;
};

Inputs random_inputs() {
  NoiseSource source(1);
  Inputs inputs{std::vector<float>(kSide * kSide), std::vector<float>(kSide * kPlanesAtOnce)};
  for (std::size_t i = 0; i < inputs.cells.size(); ++i)
    inputs.cells[i] = written_conductance(static_cast<std::int64_t>(i * 37 % 256), 255, {.programming = 0.01}, source);
  for (float& digit : inputs.digits) digit = source.normal() > 0 ? 1.0f : 0.0f;
  return inputs;
}

/// [strips, rows, kColumnsAtOnce]
std::vector<float> in_strips(const std::vector<float>& cells) {
  std::vector<float> strips;
  for (std::int64_t first = 0; first < kSide; first += kColumnsAtOnce)
    for (std::int64_t row = 0; row < kSide; ++row)
      strips.insert(strips.end(), cells.begin() + row * kSide + first,
                    cells.begin() + row * kSide + first + kColumnsAtOnce);
  return strips;
}

bool agree(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::abs(a[i] - b[i]) > 1e-5f * kSide * 255) return false;
  return true;
}

bool run(int repetitions) {
  const Inputs in = random_inputs();
  std::vector<float> sums(kPlanesAtOnce * kSide), plain = sums;
  const auto fast = [&] { column_sums(in.cells.data(), kSide, kSide, kSide, in.digits.data(), sums.data()); };
  const auto slow = [&] { column_sums_plainly(in.cells.data(), kSide, kSide, kSide, in.digits.data(), plain.data()); };
  NoiseSource source(2);
  std::int64_t clipped = 0, all = 0;
  const auto noisy = [&] {
    fast();
    for (const float sum : sums) all += convert(sum + 16 * source.normal(), {8, 8}, clipped);
  };
  const std::vector<float> strips = in_strips(in.cells);
  std::int64_t totals[kSide] = {};
  const auto as_evaluated = [&] {
    float strip_noise[kPlanesAtOnce * kColumnsAtOnce], strip[kPlanesAtOnce * kColumnsAtOnce];
    for (std::int64_t first = 0; first < kSide; first += kColumnsAtOnce) {
      strip_sums(strips.data() + first * kSide, kSide, in.digits.data(), strip);
      source.fill(strip_noise);
      for (std::int64_t i = 0; i < kPlanesAtOnce * kColumnsAtOnce; ++i) strip[i] += 16 * strip_noise[i];
      clipped += add_converted(
          strip, {.planes = kPlanesAtOnce, .columns = kColumnsAtOnce, .converter = {8, 8}, .last_is_sign = true},
          totals + first);
    }
  };
  fast(), slow();
  if (!agree(sums, plain)) {
    fmt::print(stderr, "error: the sums are not the plain reference's; not timed\n");
    return false;
  }
  fmt::print("{}; one thread; times of {} repetitions\n\n", bench::machine(), repetitions);
  fmt::print("{:40} {:>10} {:>10} {:>14}\n", "256 x 256 cells, 8 planes", "least, us", "median, us", "G cell-MAC/s");
  const auto line = [&](const char* name, const Times& times) {
    const double macs = static_cast<double>(kSide * kSide * kPlanesAtOnce);
    fmt::print("{:40} {:10.1f} {:10.1f} {:14.2f}\n", name, 1e6 * times.least_s, 1e6 * times.median_s,
               macs / times.least_s * 1e-9);
  };
  line("plain reference", measure(repetitions, slow));
  line("column sums", measure(repetitions, fast));
  line("column sums, read noise, conversions", measure(repetitions, noisy));
  line("the same strip by strip, as in eval", measure(repetitions, as_evaluated));
  return all + totals[0] + clipped != 1;
}

}  // namespace
}  // namespace sparsecim::bench

int main(int argc, char** argv) {
  CLI::App app("Times the sums of an analog array");
  int repetitions = 200;
  app.add_option("--repetitions", repetitions, "measured calls")->check(CLI::Range(1, 100000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return sparsecim::bench::run(repetitions) ? 0 : 1;
}

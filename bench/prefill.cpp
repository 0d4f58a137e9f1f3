// How near prefill comes to the rate that LibTorch's matrix products reach on the same shapes: docs/benchmarks.md.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <map>

#include "measure.hpp"
#include "model/decoder_block.hpp"
#include "model/elementwise.hpp"
#include "model/llama.hpp"

namespace sparsecim {
namespace {

struct Options {
  std::string model = "smollm2-135m";
  std::vector<std::int64_t> contexts = {512, 2048};
  std::vector<std::string> dtypes = {"float32", "bfloat16"};
  int runs = 7, threads = 0;  // 0: as many as there are cores
};

double load_average() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  return load;
}

at::Tensor plain_linear(const DecoderBlock& block, int index, const at::Tensor& x) {
  const at::Tensor y = at::matmul(x, block.linears[index].to(at::kFloat).t());
  return block.biases[index].defined() ? y + block.biases[index].to(at::kFloat) : y;
}

/// Attention with all scores at once. x: [1, tokens, hidden].
at::Tensor plain_attention(const ModelConfig& config, const RotaryTable& rotary, const DecoderBlock& block,
                           const at::Tensor& x) {
  const std::int64_t tokens = x.size(1), group = config.n_heads / config.n_kv_heads;
  const auto heads = [&](int index, std::int64_t n) {
    return plain_linear(block, index, x).view({1, tokens, n, config.head_dim});
  };
  const auto spread = [&](const at::Tensor& y) { return y.transpose(1, 2).repeat_interleave(group, 1); };
  const Rotation rotation = rotary.at(0, tokens);
  const at::Tensor queries = plain::rotate(heads(0, config.n_heads), rotation).transpose(1, 2);
  const at::Tensor keys = spread(plain::rotate(heads(1, config.n_kv_heads), rotation));
  const at::Tensor ages = at::arange(tokens).unsqueeze(1) - at::arange(tokens);
  const at::Tensor hidden_from = (ages < 0).logical_or(ages >= block.window.value_or(tokens));
  const at::Tensor scores = at::matmul(queries, keys.transpose(2, 3)) / std::sqrt(static_cast<double>(config.head_dim));
  const at::Tensor weights = scores.masked_fill(hidden_from, -INFINITY).softmax(-1);
  return plain_linear(block, 3, at::matmul(weights, spread(heads(2, config.n_kv_heads))).transpose(1, 2).flatten(2));
}

/// Hidden states behind all blocks by LibTorch's plain operators in float32, whatever type the model computes in.
Result<at::Tensor> plain_states(const Llama& model, const at::Tensor& ids) {
  const ModelConfig& config = model.config();
  const RotaryTable rotary(config, at::kCPU);
  at::Tensor hidden = model.embed(ids).to(at::kFloat);
  for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
    SC_TRY_ASSIGN(const DecoderBlock block, model.block(i));
    const auto norm = [&](const at::Tensor& weight) {
      return plain::rms_norm(hidden, weight.to(at::kFloat), config.rms_norm_eps);
    };
    hidden = hidden + plain_attention(config, rotary, block, norm(block.attention_norm));
    const at::Tensor x = norm(block.mlp_norm);
    hidden = hidden + plain_linear(block, 6, plain::silu_times(plain_linear(block, 4, x), plain_linear(block, 5, x)));
  }
  return hidden;
}

/// The logits behind every 64th token differ from the plain ones, relative to their spread, by less than the roundings
/// explain: each half of a block rounds a few times, by 2^-9 in bfloat16, independently of the others.
Result<void> check_logits(const Llama& model, const at::Tensor& ids) {
  SC_TRY_ASSIGN(const at::Tensor ours, model.forward(ids));
  SC_TRY_ASSIGN(const at::Tensor plain, plain_states(model, ids));
  const at::Tensor rows = at::arange(63, ids.size(1), 64);
  const at::Tensor expected = model.logits(plain.index_select(1, rows).to(model.compute().dtype));
  const at::Tensor difference = model.logits(ours.index_select(1, rows)) - expected;
  const double error = (difference.square().mean() / expected.var()).sqrt().item<double>();
  const double halves = 2 * static_cast<double>(model.n_blocks());
  const double allowed = (model.compute().dtype == at::kFloat ? 1e-5 : 0x1p-7) * std::sqrt(halves);
  if (error < allowed) return {};
  return fail("the logits are wrong: {:.2g} from a plain forward pass, of at most {:.2g}", error, allowed);
}

/// Wall time; of a single thread its processor time, which other programs on the machine do not lengthen.
double now_s() {
  timespec time{};
  ::clock_gettime(at::get_num_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Times {
  std::vector<double> seconds;
  template <class Work>
  void add(Work work) {
    const double start = now_s();
    work();
    seconds.push_back(now_s() - start);
  }
  double least() const { return *std::ranges::min_element(seconds); }
  double median() const {
    std::vector<double> sorted = seconds;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
};

/// The products of all blocks' matrices with inputs of their shapes, and nothing else.
class MatricesAlone {
 public:
  static Result<MatricesAlone> of(const Llama& model, std::int64_t tokens) {
    MatricesAlone all;
    for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
      SC_TRY_ASSIGN(const DecoderBlock block, model.block(i));
      all.weights_.insert(all.weights_.end(), block.linears.begin(), block.linears.end());
    }
    for (const at::Tensor& weight : all.weights_) {
      const std::int64_t n_in = weight.size(1);
      if (!all.inputs_.contains(n_in)) all.inputs_[n_in] = at::randn({1, tokens, n_in}).to(weight.scalar_type());
      all.flops_ += 2.0 * static_cast<double>(tokens) * static_cast<double>(weight.numel());
    }
    return all;
  }
  void run() const {
    for (const at::Tensor& weight : weights_) at::linear(inputs_.at(weight.size(1)), weight);
  }
  double flops() const { return flops_; }

 private:
  std::vector<at::Tensor> weights_;
  std::map<std::int64_t, at::Tensor> inputs_;  // by width
  double flops_ = 0;
};

/// From ids to the logits behind the last token.
Result<void> prefill(const Llama& model, const at::Tensor& ids) {
  SC_TRY_ASSIGN(const at::Tensor hidden, model.forward(ids));
  model.logits(hidden.narrow(1, ids.size(1) - 1, 1));
  return {};
}

Result<void> measure(const Llama& model, const std::string& dtype, std::int64_t tokens, int runs) {
  const at::Tensor ids = ((at::arange(tokens) * 7919 + 13) % model.config().vocab_size).unsqueeze(0);
  SC_TRY(check_logits(model, ids));
  SC_TRY_ASSIGN(const MatricesAlone matrices, MatricesAlone::of(model, tokens));
  Times whole, alone;
  for (int i = 0; i < runs + 1; ++i) {  // in turns, so that what else the machine does falls on both alike
    Result<void> done;
    whole.add([&] { done = prefill(model, ids); });
    SC_TRY(std::move(done));
    alone.add([&] { matrices.run(); });
    if (i == 0) whole.seconds.clear(), alone.seconds.clear();  // warming up
  }
  fmt::print("| {} | {} | {:.1f} / {:.1f} | {:.0f} | {:.1f} / {:.1f} | {:.0f} | {:.0f} % / {:.0f} % |\n", dtype, tokens,
             1e3 * whole.least(), 1e3 * whole.median(), static_cast<double>(tokens) / whole.least(),
             1e3 * alone.least(), 1e3 * alone.median(), 1e-9 * matrices.flops() / alone.least(),
             100 * alone.least() / whole.least(), 100 * alone.median() / whole.median());
  std::fflush(stdout);
  return {};
}

Result<void> run(const Options& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(options.model));
  fmt::print("{}, {} thread(s), load {:.1f} at the start; {}, {} runs\n\n", bench::machine(), at::get_num_threads(),
             load_average(), options.model, options.runs);
  fmt::print(
      "| type | tokens | prefill, ms (least / median) | tokens/s | matrices alone, ms | GFLOP/s | fraction |\n"
      "|---|---|---|---|---|---|---|\n");
  for (const std::string& dtype : options.dtypes) {
    SC_TRY_ASSIGN(const Compute compute, choose_compute("cpu", dtype));
    SC_TRY_ASSIGN(const Llama model, Llama::load(*checkpoint, compute));
    for (const std::int64_t tokens : options.contexts) {
      if (tokens > model.config().max_positions)
        return fail("the model has {} positions, fewer than {}", model.config().max_positions, tokens);
      SC_TRY(guarded([&] { return measure(model, dtype, tokens, options.runs); }));
    }
  }
  return {};
}

}  // namespace
}  // namespace sparsecim

int main(int argc, char** argv) {
  sparsecim::Options options;
  CLI::App app{"bench_prefill [MODEL]: prefill against LibTorch's matrix rate in the same process"};
  app.add_option("model", options.model, "as sparsecim takes it")->capture_default_str();
  app.add_option("--tokens", options.contexts)->check(CLI::Range(64, 1 << 20))->capture_default_str();
  app.add_option("--dtype", options.dtypes)->check(CLI::IsMember({"float32", "bfloat16"}))->capture_default_str();
  app.add_option("--runs", options.runs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", options.threads, "0: one per core; 1: times are the processor's")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto done = sparsecim::run(options);
  if (done) return 0;
  fmt::print(stderr, "error: {}\n", done.error().line());
  return 1;
}

#include "model/attention.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tuple>

namespace sparsecim {
namespace {

struct Inputs {
  at::Tensor queries, keys, values;
};

Inputs random_inputs(std::int64_t n_heads, std::int64_t n_kv_heads, std::int64_t tokens, std::int64_t positions,
                     at::ScalarType dtype = at::kFloat, std::int64_t batch = 1, std::int64_t head_dim = 16) {
  at::manual_seed(7);
  const auto heads = [&](std::int64_t n, std::int64_t length) {
    return at::randn({batch, length, n, head_dim}).to(dtype).transpose(1, 2);
  };
  return {heads(n_heads, tokens), heads(n_kv_heads, positions), heads(n_kv_heads, positions)};
}

/// The definition, in float64 with every score at once.
at::Tensor plain_attention(const Inputs& in, std::int64_t window) {
  const std::int64_t groups = in.queries.size(1) / in.keys.size(1);
  const std::int64_t tokens = in.queries.size(2), positions = in.keys.size(2);
  const auto spread = [&](const at::Tensor& x) { return x.to(at::kDouble).repeat_interleave(groups, 1); };
  const double scale = 1 / std::sqrt(static_cast<double>(in.queries.size(3)));
  at::Tensor scores = at::matmul(in.queries.to(at::kDouble), spread(in.keys).transpose(2, 3)) * scale;
  const at::Tensor ages = at::arange(positions - tokens, positions).unsqueeze(1) - at::arange(positions);
  scores.masked_fill_((ages < 0).logical_or(ages >= window), -INFINITY);
  return at::matmul(scores.softmax(-1), spread(in.values)).transpose(1, 2).flatten(2);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b).abs().max().item<double>();
}

/// Tokens, positions, window.
class AttentionShapes : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(AttentionShapes, GiveWhatTheDefinitionGives) {
  const auto [tokens, positions, window] = GetParam();
  for (const auto& [n_heads, n_kv_heads] : {std::pair{6, 2}, {4, 4}, {3, 1}}) {
    const Inputs in = random_inputs(n_heads, n_kv_heads, tokens, positions, at::kFloat, 2);
    const at::Tensor exact = plain_attention(in, window);
    const at::Tensor ours = attend(in.queries, in.keys, in.values, window);
    const at::Tensor libtorchs = attend_by_libtorch(in.queries, in.keys, in.values, window);
    EXPECT_LT(largest_difference(ours, exact), 1e-5) << n_heads << " heads";
    EXPECT_LT(largest_difference(libtorchs, exact), 1e-5) << n_heads << " heads";
  }
}

INSTANTIATE_TEST_SUITE_P(OnBothSidesOfEveryBlock, AttentionShapes,
                         testing::Values(std::tuple{1, 1, 9}, std::tuple{1, 40, 99}, std::tuple{1, 40, 7},
                                         std::tuple{5, 5, 5}, std::tuple{5, 5, 1}, std::tuple{5, 5, 4},
                                         std::tuple{300, 300, 300}, std::tuple{300, 300, 299}, std::tuple{300, 300, 31},
                                         std::tuple{257, 600, 600}, std::tuple{257, 600, 256},
                                         std::tuple{256, 512, 100}, std::tuple{513, 1100, 511}));

TEST(Attention, WithoutAWindowSeesEverythingBefore) {
  const Inputs in = random_inputs(6, 2, 70, 90);
  EXPECT_LT(largest_difference(attend(in.queries, in.keys, in.values, std::nullopt), plain_attention(in, 90)), 1e-5);
}

TEST(Attention, InBfloat16StaysWithinItsRounding) {
  const Inputs in = random_inputs(6, 2, 300, 300, at::kBFloat16);
  // Probabilities and the result are rounded to 8 bits, 2^-9 relative each, of a mean of values below 5 in size.
  const double difference = largest_difference(attend(in.queries, in.keys, in.values, 90), plain_attention(in, 90));
  EXPECT_LT(difference, 2 * 5.0 / 512);
}

/// How far the peak of resident memory rises in a child process that attends once, in bytes.
std::int64_t peak_bytes(std::int64_t tokens, std::int64_t positions, std::optional<std::int64_t> window,
                        at::ScalarType dtype) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    at::set_num_threads(1);
    const Inputs in = random_inputs(4, 2, tokens, positions, dtype);
    const auto peak = [] {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      return std::int64_t{usage.ru_maxrss} * 1024;
    };
    const std::int64_t before = peak();
    attend(in.queries, in.keys, in.values, window);
    const std::int64_t rise = peak() - before;
    ::_exit(::write(ends[1], &rise, sizeof rise) == sizeof rise ? 0 : 1);
  }
  std::int64_t rise = -1;
  ::close(ends[1]);
  if (::read(ends[0], &rise, sizeof rise) != sizeof rise) rise = -1;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return rise;
}

TEST(Attention, OfLargeScoresIsFinite) {
  Inputs in = random_inputs(2, 1, 600, 600);
  in.queries = in.queries * 100;  // scores of some hundreds, far apart between blocks of keys
  const double difference = largest_difference(attend(in.queries, in.keys, in.values, 600), plain_attention(in, 600));
  EXPECT_LT(difference, 1e-3);
}

TEST(Attention, NeverHoldsTheWholeMatrixOfScores) {
  constexpr std::int64_t kTokens = 4096;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16})
    for (const std::optional<std::int64_t> window : {std::optional<std::int64_t>(), {1000}})
      for (const std::int64_t earlier : {0, 2048}) {
        const std::int64_t rise = peak_bytes(kTokens, kTokens + earlier, window, dtype);
        EXPECT_GE(rise, 0);
        EXPECT_LT(rise, 2 * kTokens * kTokens) << "half of the scores of one head of four, in float32";
      }
}

}  // namespace
}  // namespace sparsecim

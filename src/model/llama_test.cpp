#include "model/llama.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "checkpoint/random_checkpoint.hpp"
#include "model/generate.hpp"

namespace sparsecim {
namespace {

using Vector = std::vector<double>;
using Rows = std::vector<Vector>;  // [tokens][features]

/// LLaMA written out as loops over scalars in float64: the oracle. No code is shared with the model.
class PlainLlama {
 public:
  explicit PlainLlama(const RandomCheckpoint& weights, Arithmetic arithmetic = Arithmetic::kFloat)
      : weights_(weights), config_(weights.config()), arithmetic_(arithmetic) {}

  Rows logits(const std::vector<int>& ids) const {
    Rows hidden;
    for (const int id : ids) hidden.push_back(row("model.embed_tokens.weight", id, config_.hidden_size));
    for (std::int64_t block = 0; block < config_.n_layers; ++block) run_block(block, hidden);
    Rows result;
    for (const Vector& h : hidden)
      result.push_back(linear(config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight",
                              norm(h, "model.norm.weight")));
    return result;
  }

 private:
  Vector row(const std::string& name, std::int64_t index, std::int64_t width) const {
    const auto begin = weights_.values(name).begin() + index * width;
    return {begin, begin + width};
  }
  /// `name` ends in ".weight", whatever the matrix is stored as.
  Vector linear(const std::string& name, const Vector& x) const {
    const auto factored = config_.monarch.find(name.substr(0, name.size() - 7));
    if (factored != config_.monarch.end()) return factored_linear(factored->first, factored->second, x);
    const auto& w = weights_.values(name);
    Vector y(w.size() / x.size());
    const Vector input = rounded(x);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto begin = w.begin() + static_cast<std::ptrdiff_t>(i * x.size());
      const Vector weights = rounded({begin, begin + std::ssize(x)});
      for (std::size_t j = 0; j < x.size(); ++j) y[i] += weights[j] * input[j];
    }
    return y;
  }
  Vector factored_linear(const std::string& name, const MonarchShape& shape, const Vector& x) const {
    const auto factor = [&](std::string_view which) {
      const std::vector<float>& values = weights_.values(fmt::format("{}{}", name, which));
      return Vector(values.begin(), values.end());
    };
    return monarch_product<double>(shape, factor(kMonarchLeft), factor(kMonarchRight), x);
  }
  /// In 8-bit arithmetic the nearest of 255 values that are equally far apart, up to the largest magnitude.
  Vector rounded(Vector values) const {
    if (arithmetic_ == Arithmetic::kFloat) return values;
    double largest = 0;
    for (const double value : values) largest = std::max(largest, std::abs(value));
    const double scale = largest / 127;
    for (double& value : values) value = std::nearbyint(value / scale) * scale;
    return values;
  }
  Vector linear_with_bias(const std::string& name, const Vector& x, bool bias) const {
    Vector y = linear(name + ".weight", x);
    if (bias) add(y, row(name + ".bias", 0, std::ssize(y)));
    return y;
  }
  Vector norm(Vector x, const std::string& name) const {
    double squares = 0;
    for (const double v : x) squares += v * v;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + config_.rms_norm_eps);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= scale * weights_.values(name)[i];
    return x;
  }
  /// Radians per position of pair i.
  double frequency(std::int64_t i) const {
    const RopeScaling& scaling = config_.rope_scaling;
    const double plain = std::pow(config_.rope_theta, -2.0 * static_cast<double>(i) / config_.head_dim);
    if (scaling.kind == RopeScaling::Kind::kNone) return plain;
    if (scaling.kind == RopeScaling::Kind::kLinear) return plain / scaling.factor;
    const double turns = scaling.original_max_positions * plain / (2 * M_PI);
    if (turns < scaling.low_freq_factor) return plain / scaling.factor;
    if (turns > scaling.high_freq_factor) return plain;
    const double smooth = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
    return (1 - smooth) * plain / scaling.factor + smooth * plain;
  }
  void rotate(Vector& heads, std::int64_t position) const {
    const std::int64_t d = config_.head_dim;
    for (std::size_t head = 0; head < heads.size(); head += static_cast<std::size_t>(d)) {
      for (std::int64_t i = 0; i < d / 2; ++i) {
        const double angle = static_cast<double>(position) * frequency(i);
        double& a = heads[head + static_cast<std::size_t>(i)];
        double& b = heads[head + static_cast<std::size_t>(i + d / 2)];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = b * std::cos(angle) + a * std::sin(angle);
        a = turned;
      }
    }
  }
  /// Attention of one query head at position t over positions first..t.
  Vector attend(const Vector& q, const Rows& k, const Rows& v, std::size_t head, std::size_t first,
                std::size_t t) const {
    const auto d = static_cast<std::size_t>(config_.head_dim);
    const std::size_t kv = head / static_cast<std::size_t>(config_.n_heads / config_.n_kv_heads) * d;
    Vector weights;
    double total = 0;
    for (std::size_t s = first; s <= t; ++s) {
      double score = 0;
      for (std::size_t i = 0; i < d; ++i) score += q[head * d + i] * k[s][kv + i];
      weights.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
      total += weights.back();
    }
    Vector mixed(d);
    for (std::size_t s = first; s <= t; ++s)
      for (std::size_t i = 0; i < d; ++i) mixed[i] += weights[s - first] / total * v[s][kv + i];
    return mixed;
  }
  void run_block(std::int64_t block, Rows& hidden) const {
    const auto name = [&](const char* part) { return matrix_name(block, part); };
    const bool windowed = config_.sliding_window && block >= config_.sliding_from_block;
    const std::size_t window = windowed ? static_cast<std::size_t>(*config_.sliding_window) : hidden.size();
    Rows q, k, v;
    for (std::size_t t = 0; t < hidden.size(); ++t) {
      const Vector x = norm(hidden[t], name("input_layernorm.weight"));
      q.push_back(linear_with_bias(name("self_attn.q_proj"), x, config_.qkv_bias));
      k.push_back(linear_with_bias(name("self_attn.k_proj"), x, config_.qkv_bias));
      v.push_back(linear_with_bias(name("self_attn.v_proj"), x, config_.qkv_bias));
      rotate(q[t], static_cast<std::int64_t>(t));
      rotate(k[t], static_cast<std::int64_t>(t));
    }
    for (std::size_t t = 0; t < hidden.size(); ++t) {
      const std::size_t first = t + 1 > window ? t + 1 - window : 0;
      Vector joined;
      for (std::int64_t head = 0; head < config_.n_heads; ++head)
        for (const double value : attend(q[t], k, v, static_cast<std::size_t>(head), first, t)) joined.push_back(value);
      add(hidden[t], linear_with_bias(name("self_attn.o_proj"), joined, config_.output_bias));
      const Vector x = norm(hidden[t], name("post_attention_layernorm.weight"));
      Vector gate = linear_with_bias(name("mlp.gate_proj"), x, config_.mlp_bias);
      const Vector up = linear_with_bias(name("mlp.up_proj"), x, config_.mlp_bias);
      for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      add(hidden[t], linear_with_bias(name("mlp.down_proj"), gate, config_.mlp_bias));
    }
  }
  static void add(Vector& x, const Vector& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  const RandomCheckpoint& weights_;
  const ModelConfig& config_;
  Arithmetic arithmetic_;
};

at::Tensor batch_of(const std::vector<int>& ids) {
  return at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).unsqueeze(0);
}

/// Largest difference between logits [1, tokens, vocabulary] and the oracle's, relative to the oracle's largest.
double relative_error(const at::Tensor& logits, const Rows& expected) {
  double largest = 0, difference = 0;
  for (std::size_t t = 0; t < expected.size(); ++t)
    for (std::size_t i = 0; i < expected[t].size(); ++i) {
      const double got = logits[0][static_cast<std::int64_t>(t)][static_cast<std::int64_t>(i)].item<double>();
      largest = std::max(largest, std::abs(expected[t][i]));
      difference = std::max(difference, std::abs(got - expected[t][i]));
    }
  return difference / largest;
}

const std::vector<int> kIds = {3, 49, 0, 7, 7, 21, 30, 11, 2, 45, 3, 3, 18, 26, 40, 9, 1, 33, 49, 12};

using Variant = std::pair<std::string, ModelConfig>;
class LlamaVariants : public testing::TestWithParam<Variant> {};

TEST_P(LlamaVariants, GiveTheLogitsOfAPlainForwardPass) {
  const RandomCheckpoint checkpoint(GetParam().second);
  const Llama model = Llama::load(checkpoint, {}).value();
  const at::Tensor logits = model.logits(model.forward(batch_of(kIds)).value());
  EXPECT_LT(relative_error(logits, PlainLlama(checkpoint).logits(kIds)), 1e-5);
}

TEST_P(LlamaVariants, GiveTheSameLogitsTokenByTokenInPiecesAndAtOnce) {
  const RandomCheckpoint checkpoint(GetParam().second);
  const Llama model = Llama::load(checkpoint, {}).value();
  const at::Tensor ids = batch_of(kIds);
  const at::Tensor whole = model.logits(model.forward(ids).value());
  for (const std::int64_t piece : {1, 2, 7}) {
    auto caches = model.make_caches(1, ids.size(1));
    std::vector<at::Tensor> parts;
    for (std::int64_t begin = 0; begin < ids.size(1); begin += piece) {
      const std::int64_t tokens = std::min(piece, ids.size(1) - begin);
      parts.push_back(model.logits(model.forward(ids.narrow(1, begin, tokens), &caches).value()));
    }
    EXPECT_TRUE(at::allclose(at::cat(parts, 1), whole, 1e-4, 1e-5)) << "in pieces of " << piece;
  }
}

/// All variants, and models with factored matrices: all in one form, or some in either beside dense ones.
std::vector<Variant> all_variants() {
  std::vector<Variant> all = RandomCheckpoint::variants();
  Variant blocks{"MonarchBlocks", RandomCheckpoint::tiny()}, mixed{"MonarchMixed", RandomCheckpoint::tiny()};
  blocks.second.qkv_bias = blocks.second.output_bias = mixed.second.mlp_bias = true;
  for (std::int64_t block = 0; block < 2; ++block)
    for (const LinearShape& linear : block_linears(blocks.second))
      blocks.second.monarch[matrix_name(block, linear.name)] = monarch_of_blocks(linear.n_out, linear.n_in, 5).value();
  mixed.second.monarch = {{"model.layers.0.mlp.down_proj", monarch_of_squares(24, 40).value()},
                          {"model.layers.0.self_attn.k_proj", monarch_of_squares(12, 24).value()},
                          {"model.layers.1.mlp.up_proj", monarch_of_blocks(40, 24, 2).value()}};
  all.push_back(std::move(blocks));
  all.push_back(std::move(mixed));
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, LlamaVariants, testing::ValuesIn(all_variants()),
                         [](const auto& variant) { return variant.param.first; });

TEST(Llama, InBfloat16StaysWithinItsRounding) {
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const Llama model = Llama::load(checkpoint, {.dtype = at::kBFloat16}).value();
  const double error =
      relative_error(model.logits(model.forward(batch_of(kIds)).value()), PlainLlama(checkpoint).logits(kIds));
  EXPECT_LT(error, 0.05);  // 8 bits of mantissa through some twenty roundings
  EXPECT_GT(error, 1e-5) << "it computed in float32";
}

TEST(Llama, In8BitArithmeticRoundsWeightsByRowAndActivationsByToken) {
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const Llama model = Llama::load(checkpoint, {.arithmetic = Arithmetic::kInt8}).value();
  const at::Tensor logits = model.logits(model.forward(batch_of(kIds)).value());
  const double error = relative_error(logits, PlainLlama(checkpoint, Arithmetic::kInt8).logits(kIds));
  EXPECT_LT(error, 5e-3) << "more than a value or two that lay between two roundings";
  EXPECT_GT(relative_error(logits, PlainLlama(checkpoint).logits(kIds)), 2 * error) << "it computed in floats";
}

TEST(Llama, In8BitArithmeticIsRefusedForMonarchFactors) {
  ModelConfig config = RandomCheckpoint::tiny();
  config.monarch["model.layers.1.mlp.up_proj"] = monarch_of_blocks(40, 24, 2).value();
  EXPECT_EQ(
      Llama::load(RandomCheckpoint(config), {.arithmetic = Arithmetic::kInt8}).error().line(),
      "model.layers.1.mlp.up_proj: Monarch factors are not computed in 8-bit arithmetic; use --arithmetic float or "
      "analog");
}

TEST(Llama, In8BitArithmeticIsRefusedOnAGpuAndInBfloat16) {
  EXPECT_EQ(choose_arithmetic("int8", {}), Arithmetic::kInt8);
  EXPECT_FALSE(choose_arithmetic("int8", {.dtype = at::kBFloat16}));
  EXPECT_FALSE(choose_arithmetic("int8", {.device = at::kCUDA}));
  EXPECT_FALSE(choose_arithmetic("int3", {}));
}

TEST(Generation, WithoutTemperatureTakesTheLikeliestTokenOfTheWholeTextEachTime) {
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const Llama model = Llama::load(checkpoint, {}).value();
  const PlainLlama plain(checkpoint);
  std::vector<int> ids(kIds.begin(), kIds.end());
  const auto produced = generate(model, {kIds.begin(), kIds.end()}, {.tokens = 5}).value();
  ASSERT_EQ(produced.size(), 5u);
  for (const TokenId token : produced) {
    const Vector last = plain.logits(ids).back();
    EXPECT_EQ(token, std::ranges::max_element(last) - last.begin());
    ids.push_back(token);
  }
}

TEST(Generation, IsTheSameForTheSameSeedAndStopsAtTheModelsContext) {
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const Llama model = Llama::load(checkpoint, {}).value();
  const GenerationOptions options{.tokens = 1000, .temperature = 1.5, .seed = 4};
  const auto first = generate(model, {1, 2, 3}, options).value();
  EXPECT_EQ(first.size(), 29u);  // 32 positions
  EXPECT_EQ(generate(model, {1, 2, 3}, options).value(), first);
  EXPECT_NE(generate(model, {1, 2, 3}, {.tokens = 1000, .temperature = 1.5, .seed = 5}).value(), first);
}

TEST(Generation, RefusesAPromptThatIsEmptyOrTooLong) {
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const Llama model = Llama::load(checkpoint, {}).value();
  EXPECT_FALSE(generate(model, {}, {}));
  EXPECT_FALSE(generate(model, std::vector<TokenId>(32, 1), {}));
}

TEST(Devices, AreNamedAndRefusedByName) {
  EXPECT_FALSE(choose_compute("tpu", "float32"));
  EXPECT_FALSE(choose_compute("cpu", "int3"));
  EXPECT_EQ(choose_compute("cpu", "bfloat16")->dtype, at::kBFloat16);
}

}  // namespace
}  // namespace sparsecim

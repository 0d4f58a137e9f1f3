#include "workload/model_workload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <set>

#include "checkpoint/random_checkpoint.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Workload workload_of(const std::string& shapes, const WorkloadRequest& request, const SparsityRequest& sparsity = {}) {
  const auto result = workload_from_shapes(read_shapes(shapes).value(), sparsity, request);
  EXPECT_TRUE(result) << result.error().line();
  return result ? result->workload : Workload{};
}

std::int64_t macs(const Workload& workload, Operation::Kind kind) {
  std::int64_t sum = 0;
  for (const Operation& operation : workload.operations)
    if (operation.kind == kind) sum += operation.dense_macs();
  return sum;
}

const Operation& operation(const Workload& workload, const std::string& name) {
  const auto found = std::ranges::find(workload.operations, name, &Operation::name);
  EXPECT_NE(found, workload.operations.end()) << name;
  return *found;
}

std::int64_t times(const Workload& workload, const std::string& name) {
  return std::ranges::count(workload.operations, name, &Operation::name);
}

constexpr std::int64_t kLlamaLayers = 6'979'321'856, kLlamaHead = 128256LL * 4096;

TEST(Prefill, MultipliesEveryWeightByEveryTokenAndTheHeadByTheLast) {
  const Workload workload = workload_of("llama-3-8b", {.tokens = 512, .batch = 3});
  EXPECT_EQ(macs(workload, Operation::Kind::kLinear), 3 * (512 * kLlamaLayers + kLlamaHead));
  EXPECT_EQ(workload.n_tokens, 3 * 512);
  EXPECT_EQ(workload.name, "llama-3-8b, prefill of 512 tokens, batch 3");
  EXPECT_EQ(workload.operations.size(), 32u * (7 + 2) + 1);
}

TEST(Prefill, SaysWhichMatricesReadWhatTheOneBeforeThemReads) {
  const auto sharing = [](const std::string& shapes, const WorkloadRequest& request) {
    std::set<std::string> names;
    for (const Operation& o : workload_of(shapes, request).operations)
      if (o.shares_inputs) names.insert(o.name.substr(o.name.rfind('.', o.name.rfind('.') - 1) + 1));
    return names;
  };
  EXPECT_THAT(sharing("bert-large", {.tokens = 8}), ElementsAre("self.key", "self.value"));
  EXPECT_THAT(sharing("llama-3-8b", {.tokens = 8}), ElementsAre("mlp.up_proj", "self_attn.k_proj", "self_attn.v_proj"));
  EXPECT_THAT(sharing("bart-large", {.tokens = 8}),
              ElementsAre("encoder_attn.v_proj", "self_attn.k_proj", "self_attn.v_proj"));
}

TEST(Prefill, LetsEveryTokenSeeThoseBeforeIt) {
  std::int64_t pairs = 0;
  for (std::int64_t query = 0; query < 511; ++query) pairs += 100 + query + 1;  // the context, and up to itself
  const Workload workload = workload_of("llama-3-8b", {.tokens = 511, .context = 100, .batch = 2});
  EXPECT_EQ(macs(workload, Operation::Kind::kAttention), 2 * 2 * 32 * 32 * 128 * pairs);
  const Operation& scores = operation(workload, "model.layers.5.attention.scores");
  EXPECT_EQ(scores.n_tokens, 4 * 511) << "four heads share their keys";
  EXPECT_EQ(scores.count, 2 * 8) << "sequences and heads of keys";
  EXPECT_EQ(scores.n_inputs, 128);
  EXPECT_EQ(scores.n_outputs, 100 + 511) << "all keys; the products above are those of visible ones";
  const Operation& values = operation(workload, "model.layers.5.attention.values");
  EXPECT_EQ(values.n_inputs, scores.n_outputs);
  EXPECT_EQ(values.n_outputs, 128);
}

TEST(Prefill, KeepsTheResidualStreamAndWhatIsStillNeeded) {
  const Workload workload = workload_of("llama-3-8b", {.tokens = 512});
  const auto held = [&](const std::string& name) {
    return operation(workload, "model.layers.7." + name).held_values / 512;
  };
  EXPECT_EQ(held("self_attn.q_proj"), 4096);
  EXPECT_EQ(held("self_attn.v_proj"), 4096 + 4096 + 1024) << "q and k";
  EXPECT_EQ(held("attention.values"), 4096 + 4096 + 2 * 1024 + 4096) << "q, k, v and the heads that are done";
  EXPECT_EQ(held("self_attn.o_proj"), 4096);
  EXPECT_EQ(held("mlp.gate_proj"), 4096) << "reads what o_proj made, not what o_proj read";
  EXPECT_EQ(held("mlp.up_proj"), 4096 + 14336) << "gate";
  EXPECT_EQ(held("mlp.down_proj"), 4096);
  EXPECT_EQ(operation(workload, "lm_head").held_values, 0);
}

TEST(Decode, MultipliesEveryWeightOncePerTokenWithAGrowingContext) {
  const Workload workload =
      workload_of("llama-3-8b", {.phase = Phase::kDecode, .tokens = 15, .context = 1000, .batch = 2});
  EXPECT_EQ(macs(workload, Operation::Kind::kLinear), 2 * 15 * (kLlamaLayers + kLlamaHead));
  const Operation& up = operation(workload, "model.layers.0.mlp.up_proj");
  EXPECT_EQ(up.n_tokens, 2) << "the batch shares the weights";
  EXPECT_EQ(up.count, 15);
  std::int64_t pairs = 0;
  for (std::int64_t step = 1; step <= 15; ++step) pairs += 1000 + step;
  EXPECT_EQ(macs(workload, Operation::Kind::kAttention), 2 * 2 * 32 * 32 * 128 * pairs);
  EXPECT_EQ(workload.n_tokens, 30);
  EXPECT_EQ(workload.name, "llama-3-8b, decode of 15 tokens after 1000, batch 2");
}

TEST(Workload, RunsAttentionBehindTheMatricesThatFeedIt) {
  const Workload workload = workload_of("llama-3-8b", {.tokens = 1});
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 9; ++i) names.push_back(workload.operations[i].name.substr(15));
  EXPECT_THAT(names,
              ElementsAre("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "attention.scores",
                          "attention.values", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"));
  EXPECT_EQ(workload.operations.back().name, "lm_head");
}

TEST(Workload, LeavesTheHeadOutWhenItIsAskedTo) {
  const Workload workload = workload_of("llama-3-8b", {.tokens = 8, .head = false});
  EXPECT_EQ(macs(workload, Operation::Kind::kLinear), 8 * kLlamaLayers);
  EXPECT_EQ(workload.name, "llama-3-8b, prefill of 8 tokens, without head");
}

TEST(Workload, OfARecurrenceHasNoAttention) {
  const Workload workload = workload_of("rwkv-4-7b", {.tokens = 100'000});
  EXPECT_EQ(macs(workload, Operation::Kind::kAttention), 0);
  EXPECT_EQ(workload.operations.size(), 32u * 7 + 1);
}

TEST(Workload, OfAnEncoderSeesTheWholeSequence) {
  const Workload workload = workload_of("bert-large", {.tokens = 100});
  EXPECT_EQ(operation(workload, "encoder.layer.0.attention.scores").n_outputs, 100);
  EXPECT_EQ(operation(workload, "pooler.dense").n_tokens, 1);
}

/// What an encoder-decoder does once per sequence and what it does once per token.
TEST(Workload, OfAnEncoderDecoderIsSharedBetweenPrefillAndDecode) {
  const Workload prefill = workload_of("bart-large", {.tokens = 300});
  EXPECT_EQ(operation(prefill, "model.encoder.layers.0.fc1").n_tokens, 300);
  EXPECT_EQ(operation(prefill, "model.decoder.layers.0.encoder_attn.k_proj").n_tokens, 300);
  EXPECT_EQ(times(prefill, "model.decoder.layers.0.fc1"), 0);
  EXPECT_EQ(times(prefill, "lm_head"), 0);
  const Workload decode = workload_of("bart-large", {.phase = Phase::kDecode, .tokens = 9, .context = 300});
  EXPECT_EQ(times(decode, "model.decoder.layers.0.encoder_attn.k_proj"), 0);
  EXPECT_EQ(operation(decode, "model.decoder.layers.0.fc1").count, 9);
  EXPECT_EQ(operation(decode, "lm_head").count, 9);
  const Operation& own = operation(decode, "model.decoder.layers.0.attention.scores");
  EXPECT_EQ(own.step(0).n_outputs, 1);
  EXPECT_EQ(own.step(8).n_outputs, 9) << "9 own tokens";
  EXPECT_EQ(own.dense_macs(), 16 * 64 * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9));
  EXPECT_EQ(operation(decode, "model.decoder.layers.0.cross_attention.scores").n_outputs, 300);
  EXPECT_EQ(operation(decode, "model.decoder.layers.0.cross_attention.values").n_inputs, 300);
}

TEST(Workload, HasDefaultsThatFitTheModel) {
  EXPECT_EQ(workload_of("gpt2-small", {}).name, "gpt2-small, prefill of 512 tokens");
  EXPECT_EQ(workload_of("gpt2-small", {.phase = Phase::kDecode}).name, "gpt2-small, decode of 1 token after 512");
  EXPECT_EQ(workload_of("bert-large", {}).n_tokens, 512);
  const auto resolved = workload_from_shapes(read_shapes("gpt2-small").value(), {}, {.phase = Phase::kDecode})->request;
  EXPECT_EQ(resolved.tokens, 1);
  EXPECT_EQ(resolved.context, 512);
  ModelShapes small = read_shapes("gpt2-small").value();
  small.max_positions = 20;
  EXPECT_EQ(workload_from_shapes(small, {}, {})->workload.n_tokens, 20);
  EXPECT_EQ(workload_from_shapes(small, {}, {.phase = Phase::kDecode})->workload.name,
            "gpt2-small, decode of 1 token after 19");
}

std::string refusal(const std::string& shapes, const WorkloadRequest& request, const SparsityRequest& sparsity = {}) {
  const auto result = workload_from_shapes(read_shapes(shapes).value(), sparsity, request);
  return result ? "accepted" : result.error().line();
}

TEST(Workload, IsRefusedWhereTheModelCannotDoIt) {
  const Phase decode = Phase::kDecode;
  EXPECT_EQ(refusal("bert-large", {.phase = decode}),
            "bert-large is an encoder: it does not decode; use --phase prefill");
  EXPECT_EQ(refusal("bart-large", {.context = 5}),
            "the encoder of bart-large reads a sequence at once, without earlier context; leave out --context");
  EXPECT_EQ(refusal("gpt2-small", {.tokens = 1000, .context = 25}),
            "1000 tokens after 25 are more than the 1024 positions of gpt2-small; ask for fewer --tokens or less "
            "--context");
  EXPECT_EQ(refusal("gpt2-small", {.tokens = 1000, .context = 24}), "accepted");
  EXPECT_EQ(refusal("bart-large", {.phase = decode, .tokens = 1024, .context = 1024}), "accepted");
  EXPECT_THAT(refusal("bart-large", {.phase = decode, .tokens = 1, .context = 1025}), HasSubstr("1024 positions"));
  EXPECT_EQ(refusal("gpt2-small", {.tokens = 0}), "--tokens 0 is outside 1 .. 2147483648");
  EXPECT_EQ(refusal("gpt2-small", {.context = -1}), "--context -1 is outside 0 .. 2147483648");
  EXPECT_EQ(refusal("gpt2-small", {.batch = 0}), "--batch 0 is outside 1 .. 2147483648");
  EXPECT_EQ(refusal("rwkv-4-7b", {.tokens = INT64_MAX, .context = INT64_MAX}),
            "--tokens 9223372036854775807 is outside 1 .. 2147483648");
  EXPECT_THAT(refusal("rwkv-4-7b", {.tokens = 1 << 30, .batch = 1 << 20}), HasSubstr("outside 1 .. "));
}

TEST(Workload, HasThePatternOfEveryMatrixOfTheLayersAndADenseHead) {
  const Workload workload = workload_of("bart-large", {.phase = Phase::kDecode}, {.pattern = Pattern{2, 4}});
  EXPECT_EQ(workload.name, "bart-large, decode of 1 token after 512, 2:4 in every layer");
  for (const Operation& op : workload.operations)
    if (op.kind == Operation::Kind::kLinear) {
      EXPECT_EQ(op.pattern, op.name == "lm_head" ? Pattern() : Pattern({2, 4})) << op.name;
    }
  EXPECT_EQ(
      operation(workload_of("bart-large", {}, {.pattern = Pattern{2, 4}}), "model.decoder.layers.3.encoder_attn.v_proj")
          .pattern,
      (Pattern{2, 4}));
}

/// A plan for all matrices of a model, with 2:4 in block 0 and 4:8 elsewhere.
Plan plan_for(const ModelShapes& shapes) {
  Plan plan;
  plan.method = "flow";
  for (std::int64_t layer = 0; layer < shapes.decoder->n_layers; ++layer)
    for (const ShapedMatrix& matrix : shapes.decoder->matrices)
      plan.matrices.push_back({.name = name_in_layer(*shapes.decoder, layer, matrix.name),
                               .block = layer,
                               .n_out = matrix.n_out,
                               .n_in = matrix.n_in,
                               .pattern = layer == 0 ? Pattern{2, 4} : Pattern{4, 8}});
  return plan;
}

TEST(Workload, TakesPatternsFromAPlanOfTheModel) {
  const Plan plan = plan_for(read_shapes("llama-3-8b").value());
  const Workload workload = workload_of("llama-3-8b", {}, {.plan = plan});
  EXPECT_EQ(workload.name, "llama-3-8b, prefill of 512 tokens, flow plan of 50.0 % zeros");
  EXPECT_EQ(operation(workload, "model.layers.0.mlp.up_proj").pattern, (Pattern{2, 4}));
  EXPECT_EQ(operation(workload, "model.layers.1.mlp.up_proj").pattern, (Pattern{4, 8}));
}

TEST(Workload, RefusesThePlanOfAnotherModelByMatrix) {
  Plan plan = plan_for(read_shapes("llama-3-8b").value());
  plan.matrices[4].n_in = 2048;
  EXPECT_EQ(refusal("llama-3-8b", {}, {.plan = plan}),
            "the plan has 'model.layers.0.mlp.gate_proj' as [14336, 2048], the model as [14336, 4096]; use a plan that "
            "was made for this model");
  plan.matrices.erase(plan.matrices.begin());
  EXPECT_EQ(refusal("llama-3-8b", {}, {.plan = plan}),
            "the plan says nothing about 'model.layers.0.self_attn.q_proj'; use a plan that was made for this model");
  plan = plan_for(read_shapes("llama-3-8b").value());
  plan.matrices.push_back({.name = "model.layers.32.mlp.up_proj", .block = 32, .n_out = 1, .n_in = 1});
  EXPECT_EQ(refusal("llama-3-8b", {}, {.plan = plan}),
            "the plan has 'model.layers.32.mlp.up_proj', which the model has not; use a plan that was made for this "
            "model");
}

// ---- from a checkpoint ----

ModelConfig small_config() {
  ModelConfig config;
  config.n_layers = 2;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.n_heads = 4;
  config.n_kv_heads = 2;
  config.head_dim = 4;
  config.vocab_size = 40;
  config.max_positions = 32;
  return config;
}

/// Masks every matrix of the layers by magnitude.
void prune(RandomCheckpoint& checkpoint, Pattern pattern) {
  for (const TensorInfo& info : checkpoint.tensors())
    if (info.name.find("proj") != std::string::npos) {
      ASSERT_TRUE(apply_nm(checkpoint.values(info.name), info.shape[1], {}, pattern));
    }
}

ModelWorkload counted(const RandomCheckpoint& checkpoint, const SparsityRequest& sparsity = {}) {
  auto result = workload_from_checkpoint(checkpoint, "tiny", sparsity, {});
  EXPECT_TRUE(result) << result.error().line();
  return result ? *std::move(result) : ModelWorkload{};
}

/// One bits of `weights` as 8-bit two's complement after rounding by row: written again, from the definition.
std::int64_t one_bits_of(const std::vector<float>& weights, std::int64_t n_in) {
  std::int64_t bits = 0;
  for (auto row = weights.begin(); row != weights.end(); row += n_in) {
    double largest = 0;
    for (auto weight = row; weight != row + n_in; ++weight) largest = std::max(largest, std::abs(double{*weight}));
    for (auto weight = row; largest > 0 && weight != row + n_in; ++weight)
      for (int rest = static_cast<int>(std::lround(*weight / largest * 127)) & 255; rest != 0; rest /= 2)
        bits += rest % 2;
  }
  return bits;
}

TEST(CheckpointWorkload, CountsZerosAndOneBitsOfTheRealWeights) {
  RandomCheckpoint checkpoint(small_config());
  prune(checkpoint, {2, 4});
  const ModelWorkload result = counted(checkpoint);
  for (const Operation& op : result.workload.operations) {
    if (op.kind == Operation::Kind::kAttention) continue;
    const std::vector<float>& weights =
        checkpoint.values(op.name == "lm_head" ? "model.embed_tokens.weight" : op.name + ".weight");
    ASSERT_TRUE(op.weights) << op.name;
    EXPECT_EQ(op.weights->nonzero, static_cast<std::int64_t>(weights.size()) - std::ranges::count(weights, 0.f))
        << op.name;
    EXPECT_EQ(op.weights->one_bits, one_bits_of(weights, op.n_inputs)) << op.name;
    EXPECT_EQ(op.pattern, op.name == "lm_head" ? Pattern() : Pattern({2, 4})) << op.name;
  }
  EXPECT_THAT(result.notes, ElementsAre("patterns found in the zeros: 14 x 2:4"));
  EXPECT_EQ(result.workload.name, "tiny, prefill of 32 tokens");
}

TEST(CheckpointWorkload, FindsThePatternOfEachMatrixByItself) {
  RandomCheckpoint checkpoint(small_config());
  ASSERT_TRUE(apply_nm(checkpoint.values("model.layers.1.mlp.up_proj.weight"), 16, {}, {5, 16}));
  const ModelWorkload result = counted(checkpoint);
  EXPECT_EQ(operation(result.workload, "model.layers.1.mlp.up_proj").pattern, (Pattern{5, 16}));
  EXPECT_EQ(operation(result.workload, "model.layers.0.mlp.up_proj").pattern, Pattern());
  EXPECT_THAT(result.notes, ElementsAre("patterns found in the zeros: 13 x dense, 1 x 5:16"));
}

TEST(CheckpointWorkload, OfADenseModelIsMaskedByMagnitudeAndSaysSo) {
  RandomCheckpoint dense(small_config()), pruned(small_config());
  prune(pruned, {4, 8});
  const ModelWorkload made = counted(dense, {.pattern = Pattern{4, 8}});
  const ModelWorkload real = counted(pruned, {.pattern = Pattern{4, 8}});
  EXPECT_THAT(made.notes,
              ElementsAre("14 of 14 matrices do not have the zeros of their pattern: masked by magnitude to "
                          "count their bits"));
  EXPECT_TRUE(real.notes.empty());
  for (std::size_t i = 0; i < made.workload.operations.size(); ++i) {
    const Operation &a = made.workload.operations[i], &b = real.workload.operations[i];
    EXPECT_EQ(a.pattern, b.pattern);
    EXPECT_EQ(a.nonzero_weights(), b.nonzero_weights());
    EXPECT_EQ(a.weight_one_bits(), b.weight_one_bits());
  }
}

TEST(CheckpointWorkload, KeepsTheRealZerosWhereTheySatisfyThePlan) {
  RandomCheckpoint checkpoint(small_config());
  prune(checkpoint, {2, 4});  // satisfies 4:8, with other zeros than a 4:8 mask by magnitude has
  const Plan plan = plan_for(shapes_of(small_config(), "tiny"));
  const ModelWorkload result = counted(checkpoint, {.plan = plan});
  const Operation& up = operation(result.workload, "model.layers.1.mlp.up_proj");
  EXPECT_EQ(up.pattern, (Pattern{4, 8}));
  EXPECT_EQ(up.weights->most_kept[1], 2) << "still 2:4";
  EXPECT_TRUE(result.notes.empty());
}

TEST(CheckpointWorkload, TakesTheHeadFromItsOwnTensorWhereThereIsOne) {
  ModelConfig config = small_config();
  config.tied_embeddings = false;
  RandomCheckpoint checkpoint(config);
  std::ranges::fill(checkpoint.values("lm_head.weight"), 0.f);
  EXPECT_EQ(operation(counted(checkpoint).workload, "lm_head").weights->nonzero, 0);
  checkpoint.broken = "lm_head.weight";
  EXPECT_TRUE(workload_from_checkpoint(checkpoint, "tiny", {}, {.head = false}));
  EXPECT_EQ(workload_from_checkpoint(checkpoint, "tiny", {}, {}).error().what, "lm_head.weight: it cannot be read");
}

TEST(CheckpointWorkload, OfStories260KMultipliesItsParameters) {
  const char* data = std::getenv("SPARSECIM_DATA");
  if (!data) GTEST_SKIP() << "SPARSECIM_DATA is not set";
  const auto checkpoint = open_checkpoint(std::filesystem::path(data) / "models/stories260K/stories260K.bin");
  ASSERT_TRUE(checkpoint) << checkpoint.error().line();
  const auto result = workload_from_checkpoint(**checkpoint, "stories260K", {}, {.tokens = 1});
  ASSERT_TRUE(result) << result.error().line();
  // dim 64, hidden 172, 5 layers, 8 heads of which 4 have keys, vocabulary 512: llama2.c's README
  const std::int64_t layer = 2 * 64 * 64 + 2 * 32 * 64 + 3 * 172 * 64;
  EXPECT_EQ(macs(result->workload, Operation::Kind::kLinear), 5 * layer + 512 * 64);
  for (const Operation& op : result->workload.operations)
    if (op.kind == Operation::Kind::kLinear) {
      EXPECT_GT(op.weights->one_bits, 2 * op.weights->nonzero) << op.name;
    }
}

TEST(CheckpointWorkload, RunsFactorsWhereMatricesAreStoredAsSuchAndCountsTheOthers) {
  ModelConfig config = small_config();
  const auto linears = block_linears(config);
  const MonarchShape up = monarch_of_blocks(linears[5].n_out, linears[5].n_in, 2).value();
  config.monarch["model.layers.1.mlp.up_proj"] = up;
  const RandomCheckpoint checkpoint(config);
  const ModelWorkload result = counted(checkpoint);
  for (const Operation& op : result.workload.operations) {
    const bool factored = op.name == "model.layers.1.mlp.up_proj";
    EXPECT_EQ(op.monarch.has_value(), factored) << op.name;
    EXPECT_EQ(op.weights.has_value(), op.kind == Operation::Kind::kLinear && !factored) << op.name;
  }
  EXPECT_EQ(operation(result.workload, "model.layers.1.mlp.up_proj").monarch, up);
  EXPECT_FALSE(workload_from_checkpoint(checkpoint, "tiny", {.pattern = Pattern{2, 4}}, {}));
}

}  // namespace
}  // namespace sparsecim

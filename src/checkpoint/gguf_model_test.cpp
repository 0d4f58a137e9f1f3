#include "checkpoint/gguf_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/rope_factors.hpp"
#include "checkpoint/test_gguf.hpp"

namespace sparsecim {
namespace {

using test_files::GgufWriter;
using test_files::little_endian;
using test_files::TemporaryDirectory;
using testing::HasSubstr;

class GgufModel : public TemporaryDirectory {
 protected:
  Result<std::unique_ptr<Checkpoint>> open(const GgufWriter& writer) const {
    test_files::write_file(directory_ / "tiny.gguf", writer.file());
    return open_checkpoint(directory_ / "tiny.gguf");
  }
  std::string refusal(const GgufWriter& writer) const {
    const auto checkpoint = open(writer);
    return checkpoint ? "accepted" : checkpoint.error().line();
  }
  void expect_values(const Checkpoint& checkpoint, const std::vector<test_files::Tensor>& tensors) {
    ASSERT_EQ(checkpoint.tensors().size(), tensors.size());
    for (const auto& [name, shape, values] : tensors) {
      std::vector<float> read(values.size());
      ASSERT_TRUE(checkpoint.find(name)) << name;
      EXPECT_EQ(checkpoint.find(name)->shape, shape);
      ASSERT_TRUE(checkpoint.read(*checkpoint.find(name), read));
      EXPECT_EQ(read, values) << name;
    }
  }
  ModelConfig config_ = test_files::tiny_config();
  std::vector<test_files::Tensor> tensors_ = test_files::random_tensors(config_);
  GgufWriter good_ = test_files::llama_gguf(config_, tensors_);
};

TEST_F(GgufModel, GivesConfigurationAndEveryTensorInHuggingFaceOrder) {
  const auto checkpoint = open(good_).value();
  EXPECT_EQ(checkpoint->config(), config_);
  EXPECT_EQ(checkpoint->find("model.layers.0.mlp.up_proj.weight")->storage, "Q8_0");
  expect_values(*checkpoint, tensors_);
}

TEST_F(GgufModel, HasAHeadOfItsOwnWhereThereIsAnOutputMatrix) {
  config_.tied_embeddings = false;
  tensors_ = test_files::random_tensors(config_);
  const auto checkpoint = open(test_files::llama_gguf(config_, tensors_)).value();
  EXPECT_EQ(checkpoint->config(), config_);
  expect_values(*checkpoint, tensors_);
}

TEST_F(GgufModel, TakesHeadsWhoseSizeIsNotTheEmbeddingsShare) {
  config_.head_dim = 32;
  tensors_ = test_files::random_tensors(config_);
  GgufWriter writer = test_files::llama_gguf(config_, tensors_);
  EXPECT_THAT(refusal(writer), HasSubstr("shape [128,64], the configuration asks for [64,64]"));
  writer.set("llama.attention.key_length", 32u).set("llama.attention.value_length", 32u);
  const auto checkpoint = open(writer).value();
  EXPECT_EQ(checkpoint->config().head_dim, 32);
  expect_values(*checkpoint, tensors_);
}

TEST_F(GgufModel, GivesALlamasBiasesInHuggingFaceOrder) {
  config_.qkv_bias = config_.output_bias = config_.mlp_bias = true;
  tensors_ = test_files::random_tensors(config_);
  const auto checkpoint = open(test_files::llama_gguf(config_, tensors_)).value();
  EXPECT_EQ(checkpoint->config(), config_);
  expect_values(*checkpoint, tensors_);
}

TEST_F(GgufModel, LeavesTheRowsOfAQwen2AsTheyAre) {
  config_.architecture = "qwen2";
  config_.qkv_bias = true;
  tensors_ = test_files::random_tensors(config_);
  const auto checkpoint = open(test_files::llama_gguf(config_, tensors_)).value();
  EXPECT_EQ(checkpoint->config(), config_);
  expect_values(*checkpoint, tensors_);
}

TEST_F(GgufModel, WithASlidingWindowIsAMistral) {
  good_.set("llama.attention.sliding_window", 24u);
  const auto checkpoint = open(good_).value();
  EXPECT_EQ(checkpoint->config().architecture, "mistral");
  EXPECT_EQ(checkpoint->config().sliding_window, 24);
  expect_values(*checkpoint, tensors_);
}

TEST_F(GgufModel, TakesLinearRopeScalingFromEveryKeyThatGivesIt) {
  const RopeScaling none, linear{.kind = RopeScaling::Kind::kLinear, .factor = 4};
  const auto scaling = [&](const GgufWriter& writer) { return open(writer).value()->config().rope_scaling; };
  EXPECT_EQ(scaling(GgufWriter(good_).set("llama.rope.scaling.factor", 4.0f)), linear);
  EXPECT_EQ(scaling(GgufWriter(good_).set("llama.rope.scale_linear", 4.0f)), linear);
  GgufWriter typed = GgufWriter(good_).set("llama.rope.scaling.type", "linear");
  EXPECT_EQ(scaling(typed), none);
  EXPECT_EQ(scaling(typed.set("llama.rope.scaling.factor", 4.0f)), linear);
  EXPECT_EQ(scaling(typed.set("llama.rope.scaling.type", "none")), none);
  good_.tensor("rope_freqs.weight", {8}, GgufWriter::kF32, test_files::as_bytes(std::vector<float>(8, 4)));
  EXPECT_EQ(scaling(good_), linear);
}

TEST_F(GgufModel, TakesLlama3RopeScalingFromItsFactors) {
  config_.rope_scaling = {RopeScaling::Kind::kLlama3, 8, 1, 4, 100};
  const std::vector<double> divisors = llama3_divisors(config_);
  const std::vector<float> factors(divisors.begin(), divisors.end());
  good_.tensor("rope_freqs.weight", {8}, GgufWriter::kF32, test_files::as_bytes(factors));
  EXPECT_EQ(open(good_).value()->config(), config_);
  good_.set("llama.rope.scaling.factor", 2.0f);
  EXPECT_THAT(refusal(good_), HasSubstr("by the metadata and by 'rope_freqs.weight'"));
}

TEST_F(GgufModel, TakesWhatChangesNothing) {
  good_.set("llama.rope.dimension_count", 16u)
      .set("llama.rope.scaling.type", "none")
      .set("llama.expert_count", 0u)
      .set("llama.vocab_size", 40u)
      .tensor("rope_freqs.weight", {8}, GgufWriter::kF32, test_files::as_bytes(std::vector<float>(8, 1)));
  expect_values(*open(good_).value(), tensors_);
}

TEST_F(GgufModel, ListsEveryTokenThatEndsAText) {
  good_.set("tokenizer.ggml.eot_token_id", 5u);
  EXPECT_THAT(open(good_).value()->config().eos_token_ids, testing::ElementsAre(2, 5));
  good_.set("tokenizer.ggml.eot_token_id", 2u);
  EXPECT_THAT(open(good_).value()->config().eos_token_ids, testing::ElementsAre(2));
}

TEST_F(GgufModel, OfASentencePieceTokenizerHasItsNumbersWhereTheFileGivesNone) {
  good_.remove("tokenizer.ggml.bos_token_id").remove("tokenizer.ggml.eos_token_id");
  EXPECT_FALSE(open(good_).value()->config().bos_token_id);
  EXPECT_THAT(open(good_).value()->config().eos_token_ids, testing::IsEmpty());
  good_.set("tokenizer.ggml.model", "llama");
  EXPECT_EQ(open(good_).value()->config().bos_token_id, 1);
  EXPECT_THAT(open(good_).value()->config().eos_token_ids, testing::ElementsAre(2));
}

TEST_F(GgufModel, IsRefusedByNameWhenItAsksForWhatIsNotImplemented) {
  const auto with = [&](const char* key, auto value) { return refusal(GgufWriter(good_).set(key, value)); };
  EXPECT_EQ(
      with("general.architecture", "qwen3").substr(directory_.string().size()),
      "/tiny.gguf: architecture 'qwen3' is not implemented; 'llama' (which Mistral's files are too) and 'qwen2' are");
  EXPECT_THAT(with("llama.rope.scaling.type", "yarn"), HasSubstr("RoPE scaling of type 'yarn' is not implemented"));
  EXPECT_THAT(with("llama.rope.scaling.attn_factor", 4.0f), HasSubstr("'llama.rope.scaling.attn_factor'"));
  EXPECT_THAT(with("llama.rope.scaling.factor", 0.5f), HasSubstr("RoPE's scaling factor 0.5 is below 1"));
  EXPECT_THAT(with("llama.rope.scaling.factor", -INFINITY), HasSubstr("RoPE's scaling factor -inf is below 1"));
  EXPECT_THAT(with("llama.expert_count", 8u), HasSubstr("'llama.expert_count'"));
  EXPECT_THAT(with("llama.new_feature", 1u), HasSubstr("'llama.new_feature'"));
  EXPECT_THAT(with("llama.rope.dimension_count", 8u), HasSubstr("RoPE over 8 dimensions"));
  EXPECT_THAT(with("llama.attention.value_length", 8u), HasSubstr("values of 8"));
  EXPECT_THAT(with("split.count", 3u), HasSubstr("a model in 3 files is not read"));
}

TEST_F(GgufModel, IsRefusedWhenItsRopeFactorsAreOfNoScalingThatWeHave) {
  const auto with = [&](const std::vector<float>& factors) {
    return refusal(GgufWriter(good_).tensor("rope_freqs.weight", {std::ssize(factors)}, GgufWriter::kF32,
                                            test_files::as_bytes(factors)));
  };
  EXPECT_THAT(with({1, 1, 1, 1, 1, 2, 8, 8}),
              HasSubstr("'rope_freqs.weight': these factors on RoPE's frequencies are"));
  EXPECT_THAT(with({8, 8, 8, 8, 1, 1, 1, 1}), HasSubstr("no other is implemented"));
  EXPECT_THAT(with({1, 1, 1, 1, 1, 1, 0, 1}), HasSubstr("no other is implemented"));
  EXPECT_THAT(with({1, 1, 1, 1, 1, 1, -8, 8}), HasSubstr("no other is implemented"));
  EXPECT_THAT(with(std::vector<float>(8, 0.5f)), HasSubstr("RoPE's scaling factor 0.5 is below 1"));
  EXPECT_THAT(with(std::vector<float>(8, 0)), HasSubstr("RoPE's scaling factor 0 is below 1"));
  EXPECT_THAT(with(std::vector<float>(7, 1)), HasSubstr("7 factors for a head of 16"));
  EXPECT_THAT(with({1, 1, 1, 1, 1, 1, 1, NAN}), HasSubstr("a factor is not finite"));
}

TEST_F(GgufModel, OfQwen2IsRefusedWithoutBiasesOrWithAWindowForSomeBlocks) {
  config_.architecture = "qwen2";
  EXPECT_THAT(refusal(test_files::llama_gguf(config_, tensors_)),
              HasSubstr("'model.layers.0.self_attn.q_proj.bias' is missing"));
  config_.qkv_bias = true;
  good_ = test_files::llama_gguf(config_, test_files::random_tensors(config_));
  EXPECT_THAT(refusal(GgufWriter(good_).set("qwen2.attention.sliding_window", 4096u)), HasSubstr("for which blocks"));
  EXPECT_EQ(refusal(GgufWriter(good_).set("qwen2.attention.sliding_window", 0u)), "accepted");
  EXPECT_THAT(refusal(GgufWriter(good_).set("qwen2.expert_count", 60u)), HasSubstr("'qwen2.expert_count'"));
}

TEST_F(GgufModel, IsRefusedWithABiasThatItsArchitectureHasNot) {
  const std::string of_q = test_files::as_bytes(std::vector<float>(64, 1)), of_k = of_q.substr(0, 128);
  for (const char* name : {"blk.0.attn_q.bias", "blk.0.attn_output.bias"})
    EXPECT_THAT(refusal(GgufWriter(good_).tensor(name, {64}, GgufWriter::kF32, of_q)), HasSubstr("has other biases"))
        << name;
  for (const char* name :
       {"blk.1.attn_q.bias", "blk.0.attn_norm.bias", "blk.0.attn_q_norm.weight", "output.bias", "blk.0.attn_q.scale"})
    EXPECT_THAT(refusal(GgufWriter(good_).tensor(name, {64}, GgufWriter::kF32, of_q)), HasSubstr("has no place"))
        << name;
  GgufWriter quantised(good_);
  for (const char* name : {"blk.0.attn_output.bias", "blk.0.attn_q.bias"})
    quantised.tensor(name, {64}, GgufWriter::kQ8_0, std::string(68, '\0'));
  EXPECT_THAT(refusal(quantised), HasSubstr("q_proj.bias': a bias stored as Q8_0 is not read"));
}

TEST_F(GgufModel, IsRefusedWhenItsSizesContradictEachOtherOrTheTensors) {
  const auto with = [&](const char* key, std::uint32_t value) { return refusal(GgufWriter(good_).set(key, value)); };
  EXPECT_THAT(with("llama.attention.head_count", 0), HasSubstr("multiple of the 0 heads"));
  EXPECT_THAT(with("llama.attention.head_count", 7), HasSubstr("multiple of the 7 heads"));
  EXPECT_THAT(with("llama.attention.head_count_kv", 3), HasSubstr("4 heads cannot share 3"));
  EXPECT_THAT(with("llama.attention.head_count_kv", 4),
              HasSubstr("k_proj.weight': shape [32,64], the configuration asks for [64,64]"));
  EXPECT_THAT(with("llama.block_count", 3), HasSubstr("model.layers.2.input_layernorm.weight' is missing"));
  EXPECT_THAT(with("llama.block_count", 1), HasSubstr("model.layers.1.input_layernorm.weight' has no place"));
  EXPECT_THAT(with("llama.block_count", UINT32_MAX), HasSubstr("number of blocks is 4294967295"));
  EXPECT_THAT(with("llama.embedding_length", 32), HasSubstr("token"));
  EXPECT_THAT(with("llama.vocab_size", 41), HasSubstr("shape [40,64], the configuration asks for [41,64]"));
  EXPECT_THAT(with("tokenizer.ggml.bos_token_id", 40), HasSubstr("token id 40"));
}

TEST_F(GgufModel, IsRefusedWhenAKeyIsMissingOrOfAnotherType) {
  for (const char* key :
       {"llama.block_count", "llama.embedding_length", "llama.feed_forward_length", "llama.context_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon"}) {
    EXPECT_THAT(refusal(GgufWriter(good_).remove(key)), HasSubstr(fmt::format("metadata '{}' is missing", key)));
    EXPECT_THAT(refusal(GgufWriter(good_).set(key, "x")), HasSubstr(key));
    EXPECT_THAT(refusal(GgufWriter(good_).set_array(key, GgufWriter::kUint32, 1, little_endian(4u))), HasSubstr(key));
  }
  EXPECT_THAT(refusal(GgufWriter(good_).remove("general.architecture")), HasSubstr("architecture ''"));
}

TEST_F(GgufModel, NamesTheTensorThatIsMissingOrUnknownOrDouble) {
  EXPECT_THAT(refusal(test_files::llama_metadata(config_)), HasSubstr("'token_embd.weight' is missing"));
  auto fewer = tensors_;
  fewer.pop_back();
  EXPECT_THAT(refusal(test_files::llama_gguf(config_, fewer)), HasSubstr("'model.norm.weight' is missing"));
  const std::string four = test_files::as_bytes({1, 2, 3, 4});
  EXPECT_THAT(refusal(GgufWriter(good_).tensor("blk.99.attn_q.weight", {4}, GgufWriter::kF32, four)),
              HasSubstr("'model.layers.99.self_attn.q_proj.weight' has no place"));
  EXPECT_THAT(refusal(GgufWriter(good_).tensor("output_norm.weight", {4}, GgufWriter::kF32, four)),
              HasSubstr("'model.norm.weight' is there twice"));
}

TEST_F(GgufModel, NamesTheValueThatIsNotFinite) {
  GgufWriter writer = test_files::llama_metadata(config_);
  for (const auto& tensor : tensors_) {
    std::string blocks = test_files::as_q8_0_bytes(in_metas_order(tensor, config_));
    if (tensor.name == "model.layers.1.self_attn.q_proj.weight")
      blocks.replace(64 / 32 * 34, 2, little_endian<std::uint16_t>(0x7c00));  // stored row 1 of head 0: row 8 of ours
    writer.tensor(test_files::ggml_name(tensor.name), tensor.shape, GgufWriter::kQ8_0, blocks);
  }
  const auto checkpoint = open(writer).value();
  std::vector<float> values(64 * 64);
  const auto read = checkpoint->read(*checkpoint->find("model.layers.1.self_attn.q_proj.weight"), values);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().line(), HasSubstr(fmt::format("the value at index {} is not finite", 8 * 64)));
}

}  // namespace
}  // namespace sparsecim

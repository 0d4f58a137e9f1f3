#include "checkpoint/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_files.hpp"

namespace sparsecim {
namespace {

using testing::HasSubstr;

/// The tiny configuration with one key changed.
Json with(const char* key, Json value) {
  Json json = test_files::tiny_config_json();
  json[key] = std::move(value);
  return json;
}

std::string refusal(const Json& json) {
  const auto config = config_from_json(json);
  return config ? "accepted" : config.error().line();
}

TEST(ModelConfig, TakesWhatConfigJsonSaysAndTransformersDefaultsForTheRest) {
  const ModelConfig config = config_from_json({{"model_type", "llama"},
                                               {"hidden_size", 64},
                                               {"intermediate_size", 96},
                                               {"num_hidden_layers", 2},
                                               {"num_attention_heads", 4},
                                               {"vocab_size", 40}})
                                 .value();
  EXPECT_EQ(config.n_kv_heads, 4);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.max_positions, 2048);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_FALSE(config.bos_token_id);
  EXPECT_TRUE(config.eos_token_ids.empty());
}

TEST(ModelConfig, SurvivesBeingWrittenAndReadAgain) {
  ModelConfig config = test_files::tiny_config();
  EXPECT_EQ(config_from_json(to_json(config)).value(), config);
  config.eos_token_ids = {2, 7};
  config.bos_token_id = std::nullopt;
  config.head_dim = 32;
  config.tied_embeddings = false;
  EXPECT_EQ(config_from_json(parse_json(to_json(config).dump()).value()).value(), config);
}

TEST(ModelConfig, FindsRopesBaseWhereEitherVersionOfTransformersPutsIt) {
  EXPECT_EQ(config_from_json(with("rope_theta", 500000.0)).value().rope_theta, 500000);
  const Json parameters = {{"rope_type", "default"}, {"rope_theta", 130000.0}};
  EXPECT_EQ(config_from_json(with("rope_parameters", parameters)).value().rope_theta, 130000);
}

TEST(ModelConfig, RefusesByNameWhatIsNotImplemented) {
  EXPECT_EQ(refusal(with("model_type", "mamba")), "architecture 'mamba' is not implemented; 'llama' is");
  EXPECT_THAT(refusal(with("attention_bias", true)), HasSubstr("'attention_bias' is true, which is not implemented"));
  EXPECT_THAT(refusal(with("mlp_bias", true)), HasSubstr("'mlp_bias'"));
  EXPECT_THAT(refusal(with("hidden_act", "gelu")), HasSubstr("only \"silu\" is"));
  EXPECT_THAT(refusal(with("sliding_window", 4096)), HasSubstr("'sliding_window'"));
  EXPECT_THAT(refusal(with("partial_rotary_factor", 0.5)), HasSubstr("'partial_rotary_factor'"));
  EXPECT_THAT(refusal(with("quantization_config", Json::object())), HasSubstr("'quantization_config'"));
  EXPECT_THAT(refusal(with("rope_scaling", {{"rope_type", "llama3"}})), HasSubstr("RoPE scaling of type \"llama3\""));
  EXPECT_THAT(refusal(with("rope_scaling", {{"type", "linear"}})), HasSubstr("\"linear\""));
  EXPECT_THAT(refusal(with("rope_parameters", {{"rope_type", "yarn"}})), HasSubstr("\"yarn\""));
}

TEST(ModelConfig, RefusesSizesThatContradictEachOther) {
  EXPECT_THAT(refusal(with("num_attention_heads", 7)), HasSubstr("not a multiple of 'num_attention_heads' 7"));
  EXPECT_THAT(refusal(with("num_key_value_heads", 3)), HasSubstr("4 heads cannot share 3 key/value heads"));
  EXPECT_THAT(refusal(with("num_key_value_heads", 8)), HasSubstr("cannot share 8"));
  EXPECT_THAT(refusal(with("head_dim", 15)), HasSubstr("15 is odd"));
  EXPECT_THAT(refusal(with("bos_token_id", 40)), HasSubstr("token id 40 is not in the vocabulary of 40"));
  EXPECT_THAT(refusal(with("eos_token_id", {2, 99})), HasSubstr("token id 99"));
  EXPECT_EQ(refusal(with("bos_token_id", 39)), "accepted");
}

TEST(ModelConfig, RefusesSizesOutOfRange) {
  for (const char* key : {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
                          "num_key_value_heads", "max_position_embeddings", "head_dim"}) {
    for (const Json& value : {Json(0), Json(-1), Json(INT64_MAX), Json(UINT64_MAX), Json("64"), Json(6.5)})
      EXPECT_NE(refusal(with(key, value)), "accepted") << key << " = " << value;
  }
  for (const char* key : {"rms_norm_eps", "rope_theta"})
    for (const Json& value : {Json(0), Json(-1), Json("x")})
      EXPECT_NE(refusal(with(key, value)), "accepted") << key << " = " << value;
  EXPECT_NE(refusal(Json::array()), "accepted");
}

TEST(ModelConfig, EveryElementCountOfTheLargestAcceptedModelFitsSixtyFourBits) {
  Json json = test_files::tiny_config_json();
  json["hidden_size"] = json["intermediate_size"] = 1 << 22;
  json["vocab_size"] = 1 << 26;
  const ModelConfig config = config_from_json(json).value();
  for (const RequiredTensor& tensor : required_tensors(config)) {
    std::int64_t elements = 1;
    for (const std::int64_t size : tensor.shape) EXPECT_FALSE(__builtin_mul_overflow(elements, size, &elements));
  }
}

TEST(RequiredTensors, AreThoseOfALlamaInTheOrderOfComputing) {
  Json json = test_files::tiny_config_json();
  json["num_hidden_layers"] = 1;
  json["tie_word_embeddings"] = false;
  std::vector<std::string> names;
  for (const auto& [name, shape] : required_tensors(config_from_json(json).value()))
    names.push_back(fmt::format("{} {}", name, fmt::join(shape, "x")));
  EXPECT_THAT(names, testing::ElementsAre(
                         "model.embed_tokens.weight 40x64", "model.layers.0.input_layernorm.weight 64",
                         "model.layers.0.self_attn.q_proj.weight 64x64", "model.layers.0.self_attn.k_proj.weight 32x64",
                         "model.layers.0.self_attn.v_proj.weight 32x64", "model.layers.0.self_attn.o_proj.weight 64x64",
                         "model.layers.0.post_attention_layernorm.weight 64",
                         "model.layers.0.mlp.gate_proj.weight 96x64", "model.layers.0.mlp.up_proj.weight 96x64",
                         "model.layers.0.mlp.down_proj.weight 64x96", "model.norm.weight 64", "lm_head.weight 40x64"));
}

}  // namespace
}  // namespace sparsecim

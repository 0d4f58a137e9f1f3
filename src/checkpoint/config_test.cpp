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

/// The tiny configuration, its first block's up_proj factored, with one key of the structure changed.
Json factored(const char* key = "blocks", Json value = 4, const std::string& name = "model.layers.0.mlp.up_proj") {
  Json structure = to_json(monarch_of_blocks(96, 64, 4).value());
  structure[key] = std::move(value);
  return with("monarch", {{name, std::move(structure)}});
}

TEST(ModelConfig, WithFactoredMatricesSurvivesBeingWrittenAndIsRefusedByTransformersForItsType) {
  const ModelConfig config = config_from_json(factored()).value();
  ASSERT_EQ(config.monarch.size(), 1);
  EXPECT_EQ(config.monarch.at("model.layers.0.mlp.up_proj"), monarch_of_blocks(96, 64, 4).value());
  const Json json = to_json(config);
  EXPECT_EQ(json["model_type"], "monarch_llama");
  EXPECT_EQ(config_from_json(json).value(), config);
  EXPECT_EQ(to_json(test_files::tiny_config())["model_type"], "llama");
  EXPECT_THAT(refusal(with("model_type", "monarch_llama")), HasSubstr("architecture 'monarch_llama'"));
}

TEST(ModelConfig, AsksForTheTwoFactorsInPlaceOfTheMatrix) {
  std::vector<std::string> names;
  for (const RequiredTensor& tensor : required_tensors(config_from_json(factored()).value()))
    if (tensor.name.find("layers.0.mlp.up_proj") != std::string::npos) {
      names.push_back(tensor.name);
      EXPECT_EQ(tensor.shape, tensor.name.ends_with("right") ? (std::vector<std::int64_t>{4, 16, 16})
                                                             : (std::vector<std::int64_t>{4, 24, 16}));
    }
  EXPECT_THAT(names, testing::ElementsAre("model.layers.0.mlp.up_proj.monarch.right",
                                          "model.layers.0.mlp.up_proj.monarch.left"));
}

TEST(ModelConfig, RefusesStructuresThatAreNotOfItsMatrices) {
  EXPECT_EQ(refusal(factored("blocks", 4, "model.layers.2.mlp.up_proj")),
            "'monarch': the model has no matrix 'model.layers.2.mlp.up_proj'; its first is "
            "'model.layers.0.self_attn.q_proj'");
  EXPECT_EQ(refusal(factored("shape", {96, 63})),
            "'monarch': 'model.layers.0.mlp.up_proj' is of a matrix of shape [96,63]; it must be of [96,64]");
  EXPECT_EQ(refusal(factored("blocks", 3)),
            "'monarch': 'model.layers.0.mlp.up_proj': 3 blocks of 16 do not hold 64 inputs; blocks of 22 would");
  EXPECT_EQ(refusal(with("monarch", 7)), "'monarch' is not an object");
  EXPECT_NE(refusal(with("monarch", {{"model.layers.0.mlp.up_proj", nullptr}})), "accepted");
  EXPECT_NE(refusal(factored("block", {24, 1 << 24, 16})), "accepted");
}

TEST(ModelConfig, FindsRopesBaseWhereEitherVersionOfTransformersPutsIt) {
  EXPECT_EQ(config_from_json(with("rope_theta", 500000.0)).value().rope_theta, 500000);
  const Json parameters = {{"rope_type", "default"}, {"rope_theta", 130000.0}};
  EXPECT_EQ(config_from_json(with("rope_parameters", parameters)).value().rope_theta, 130000);
}

/// The tiny configuration as one of another architecture, with further keys.
Json of(const char* architecture, const Json& more = Json::object()) {
  Json json = with("model_type", architecture);
  json.update(more);
  return json;
}
ModelConfig read(const Json& json) { return config_from_json(json).value(); }

const Json kLlama3 = {{"rope_type", "llama3"},
                      {"factor", 8.0},
                      {"low_freq_factor", 1.0},
                      {"high_freq_factor", 4.0},
                      {"original_max_position_embeddings", 64}};

TEST(ModelConfig, TakesLlamasBiases) {
  const ModelConfig attention = read(with("attention_bias", true));
  EXPECT_TRUE(attention.qkv_bias && attention.output_bias && !attention.mlp_bias);
  const ModelConfig mlp = read(with("mlp_bias", true));
  EXPECT_TRUE(!mlp.qkv_bias && !mlp.output_bias && mlp.mlp_bias);
}

TEST(ModelConfig, TakesRopeScalingFromEitherGroupAndUnderEitherName) {
  const RopeScaling linear{.kind = RopeScaling::Kind::kLinear, .factor = 4};
  EXPECT_EQ(read(with("rope_scaling", {{"type", "linear"}, {"factor", 4}})).rope_scaling, linear);
  EXPECT_EQ(read(with("rope_parameters", {{"rope_type", "linear"}, {"factor", 4.0}})).rope_scaling, linear);
  const RopeScaling llama3{RopeScaling::Kind::kLlama3, 8, 1, 4, 64};
  EXPECT_EQ(read(with("rope_scaling", kLlama3)).rope_scaling, llama3);
  EXPECT_EQ(read(with("rope_scaling", {{"rope_type", "default"}})).rope_scaling, RopeScaling{});
  EXPECT_EQ(read(with("rope_scaling", nullptr)).rope_scaling, RopeScaling{});
}

TEST(ModelConfig, ReadsMistralWithTheWindowThatTransformersTakes) {
  EXPECT_EQ(read(of("mistral")).sliding_window, 4096);
  EXPECT_EQ(read(of("mistral", {{"sliding_window", nullptr}})).sliding_window, std::nullopt);
  const ModelConfig config = read(of("mistral", {{"sliding_window", 8}, {"head_dim", 32}}));
  EXPECT_EQ(window_of_block(config, 0), 8);
  EXPECT_EQ(config.head_dim, 32);
  EXPECT_FALSE(config.qkv_bias || config.output_bias || config.mlp_bias);
}

TEST(ModelConfig, HasTheDefaultsOfItsArchitecture) {
  Json mistral = of("mistral", {{"num_attention_heads", 32}});
  for (const char* key : {"num_key_value_heads", "max_position_embeddings"}) mistral.erase(key);
  EXPECT_EQ(read(mistral).n_kv_heads, 8);
  EXPECT_EQ(read(mistral).max_positions, 131'072);
  mistral["num_key_value_heads"] = nullptr;
  EXPECT_EQ(read(mistral).n_kv_heads, 32);
  Json qwen2 = of("qwen2");
  qwen2.erase("max_position_embeddings");
  EXPECT_EQ(read(qwen2).max_positions, 32'768);
  EXPECT_FALSE(read(qwen2).sliding_window);
}

TEST(ModelConfig, ReadsQwen2WithBiasesAndTheBlocksThatSlide) {
  const ModelConfig config =
      read(of("qwen2", {{"use_sliding_window", true}, {"sliding_window", 16}, {"max_window_layers", 1}}));
  EXPECT_TRUE(config.qkv_bias && !config.output_bias && !config.mlp_bias);
  EXPECT_EQ(window_of_block(config, 0), std::nullopt);
  EXPECT_EQ(window_of_block(config, 1), 16);
  EXPECT_FALSE(read(of("qwen2", {{"sliding_window", 16}, {"max_window_layers", 0}})).sliding_window) << "not in use";
  EXPECT_FALSE(read(of("qwen2", {{"use_sliding_window", true}})).sliding_window) << "from block 28 of 2 on";
  const Json types = {{"use_sliding_window", true}, {"layer_types", {"full_attention", "sliding_attention"}}};
  EXPECT_EQ(read(of("qwen2", types)).sliding_from_block, 1);
  EXPECT_EQ(read(of("qwen2", types)).sliding_window, 4096);
}

TEST(ModelConfig, OfEveryVariantSurvivesBeingWrittenAndReadAgain) {
  for (const Json& json :
       {with("attention_bias", true), with("mlp_bias", true), with("rope_scaling", kLlama3),
        with("rope_scaling", {{"rope_type", "linear"}, {"factor", 1.5}}), of("mistral"),
        of("mistral", {{"sliding_window", nullptr}}), of("mistral", {{"rope_scaling", kLlama3}}), of("qwen2"),
        of("qwen2", {{"use_sliding_window", true}, {"sliding_window", 16}, {"max_window_layers", 1}})}) {
    const ModelConfig config = read(json);
    EXPECT_EQ(read(parse_json(to_json(config).dump()).value()), config) << json;
  }
}

TEST(ModelConfig, RefusesByNameWhatIsNotImplemented) {
  EXPECT_EQ(refusal(with("model_type", "qwen3")),
            "architecture 'qwen3' is not implemented; 'llama', 'mistral' and 'qwen2' are");
  for (const char* name : {"phi3", "gemma2", "smollm3", "mixtral", "mamba"})
    EXPECT_THAT(refusal(with("model_type", name)), HasSubstr(fmt::format("architecture '{}'", name)));
  EXPECT_THAT(refusal(with("hidden_act", "gelu")), HasSubstr("only \"silu\" is"));
  EXPECT_THAT(refusal(with("sliding_window", 4096)), HasSubstr("'sliding_window'"));
  EXPECT_THAT(refusal(of("mistral", {{"attention_bias", true}})), HasSubstr("'attention_bias' is true"));
  EXPECT_THAT(refusal(of("qwen2", {{"mlp_bias", true}})), HasSubstr("'mlp_bias'"));
  EXPECT_THAT(refusal(of("mistral", {{"num_local_experts", 8}})), HasSubstr("'num_local_experts'"));
  EXPECT_THAT(refusal(with("use_qk_norm", true)), HasSubstr("'use_qk_norm'"));
  EXPECT_THAT(refusal(with("partial_rotary_factor", 0.5)), HasSubstr("'partial_rotary_factor'"));
  EXPECT_THAT(refusal(with("quantization_config", Json::object())), HasSubstr("'quantization_config'"));
}

TEST(ModelConfig, RefusesOtherRopeScalingByItsNameOrKey) {
  for (const char* type : {"yarn", "dynamic", "longrope", "mrope"}) {
    EXPECT_THAT(refusal(with("rope_scaling", {{"type", type}})), HasSubstr(fmt::format("type \"{}\"", type)));
    EXPECT_THAT(refusal(with("rope_parameters", {{"rope_type", type}})), HasSubstr(fmt::format("\"{}\"", type)));
  }
  EXPECT_EQ(refusal(with("rope_scaling", {{"rope_type", "default"}, {"mrope_section", {16, 24, 24}}})),
            "rope_scaling: 'mrope_section' is not implemented");
  EXPECT_THAT(refusal(with("rope_parameters", {{"full_attention", {{"rope_type", "default"}}}})),
              HasSubstr("'full_attention'"));
  EXPECT_THAT(refusal(with("rope_parameters", {{"rope_type", "default"}, {"partial_rotary_factor", 0.25}})),
              HasSubstr("'partial_rotary_factor'"));
  EXPECT_THAT(refusal(with("rope_scaling", {{"rope_type", "linear"}})), HasSubstr("'factor' is missing"));
  EXPECT_THAT(refusal(with("rope_scaling", 4)), HasSubstr("'rope_scaling' is not an object"));
}

TEST(ModelConfig, RefusesScalingThatMakesNoSense) {
  const auto changed = [](const char* key, Json value) {
    Json scaling = kLlama3;
    scaling[key] = std::move(value);
    return refusal(with("rope_scaling", scaling));
  };
  EXPECT_EQ(changed("factor", 1), "accepted");
  for (const Json& factor : {Json(0.5), Json(0), Json(-2), Json("8")}) EXPECT_NE(changed("factor", factor), "accepted");
  EXPECT_THAT(changed("low_freq_factor", 4.0), HasSubstr("do not rise"));
  EXPECT_THAT(changed("low_freq_factor", 0.0), HasSubstr("do not rise"));
  EXPECT_THAT(changed("original_max_position_embeddings", 0), HasSubstr("'original_max_position_embeddings' is 0"));
}

TEST(ModelConfig, RefusesWindowsThatContradictEachOther) {
  const auto types = [](const Json& list) {
    return refusal(of("qwen2", {{"use_sliding_window", true}, {"sliding_window", 8}, {"layer_types", list}}));
  };
  EXPECT_EQ(types({"sliding_attention", "sliding_attention"}), "accepted");
  EXPECT_THAT(types({"sliding_attention", "full_attention"}), HasSubstr("full attention behind a sliding window"));
  EXPECT_THAT(types({"full_attention", "chunked_attention"}), HasSubstr("\"chunked_attention\" is not implemented"));
  EXPECT_THAT(types({"full_attention"}), HasSubstr("not a list of 2 blocks' types"));
  EXPECT_THAT(refusal(of("qwen2", {{"layer_types", {"full_attention", "sliding_attention"}}})),
              HasSubstr("a sliding window that is not set"));
  EXPECT_NE(refusal(of("mistral", {{"sliding_window", 0}})), "accepted");
  ModelConfig config = test_files::tiny_config();
  config.sliding_window = 8;
  EXPECT_EQ(checked(config).error().line(), "a model of architecture 'llama' has no sliding window");
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

std::vector<std::string> required_names(const ModelConfig& config) {
  std::vector<std::string> names;
  for (const auto& [name, shape] : required_tensors(config))
    names.push_back(fmt::format("{} {}", name, fmt::join(shape, "x")));
  return names;
}

TEST(RequiredTensors, AreThoseOfALlamaInTheOrderOfComputing) {
  Json json = test_files::tiny_config_json();
  json["num_hidden_layers"] = 1;
  json["tie_word_embeddings"] = false;
  EXPECT_THAT(required_names(read(json)),
              testing::ElementsAre(
                  "model.embed_tokens.weight 40x64", "model.layers.0.input_layernorm.weight 64",
                  "model.layers.0.self_attn.q_proj.weight 64x64", "model.layers.0.self_attn.k_proj.weight 32x64",
                  "model.layers.0.self_attn.v_proj.weight 32x64", "model.layers.0.self_attn.o_proj.weight 64x64",
                  "model.layers.0.post_attention_layernorm.weight 64", "model.layers.0.mlp.gate_proj.weight 96x64",
                  "model.layers.0.mlp.up_proj.weight 96x64", "model.layers.0.mlp.down_proj.weight 64x96",
                  "model.norm.weight 64", "lm_head.weight 40x64"));
}

TEST(RequiredTensors, HaveABiasBehindEachMatrixThatAddsOne) {
  Json json = with("num_hidden_layers", 1);
  json["attention_bias"] = json["mlp_bias"] = true;
  const auto names = required_names(read(json));
  EXPECT_EQ(names.size(), 18u);
  EXPECT_THAT(
      std::vector(names.begin() + 2, names.begin() + 6),
      testing::ElementsAre("model.layers.0.self_attn.q_proj.weight 64x64", "model.layers.0.self_attn.q_proj.bias 64",
                           "model.layers.0.self_attn.k_proj.weight 32x64", "model.layers.0.self_attn.k_proj.bias 32"));
  EXPECT_THAT(names,
              testing::IsSupersetOf({"model.layers.0.self_attn.o_proj.bias 64", "model.layers.0.mlp.gate_proj.bias 96",
                                     "model.layers.0.mlp.down_proj.bias 64"}));
}

}  // namespace
}  // namespace sparsecim

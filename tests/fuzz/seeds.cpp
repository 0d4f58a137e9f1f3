#include "seeds.hpp"

#include "base/embedded.hpp"
#include "checkpoint/test_gguf.hpp"
#include "hardware/analog/schedule.hpp"
#include "report/test_record.hpp"
#include "sparsity/plan.hpp"
#include "sparsity/statistics.hpp"
#include "text/test_sentencepiece.hpp"
#include "text/test_vocabularies.hpp"
#include "workload/activities.hpp"

namespace sparsecim::fuzz {
namespace {

using namespace test_files;

/// Of a few kilobytes in any format; rows are one block of GGUF's quantised types.
ModelConfig small_config() {
  Json json = tiny_config_json();
  json["hidden_size"] = json["intermediate_size"] = 32;
  json["num_hidden_layers"] = 1;
  json["num_attention_heads"] = 2, json["num_key_value_heads"] = 1;
  json["vocab_size"] = 4, json["max_position_embeddings"] = 4;
  return config_from_json(json).value();
}

std::vector<std::string> gguf_seeds() {
  GgufWriter vocabulary;
  vocabulary.set("general.architecture", "llama");
  return {llama_gguf(small_config(), random_tensors(small_config())).file(), add_spelling_tokenizer(vocabulary).file()};
}

std::vector<std::string> tokenizer_seeds() {
  const Vocabulary byte_level = tiny_byte_level({{"t", "h"}, {"th", "e"}, {"\u0120", "the"}});
  const Vocabulary scores = tiny_scores({{"t", -1}, {"h", -2}, {"th", -3}, {"\u2581", -4}, {"\u2581th", -5}});
  const std::string text = "\n\nthe thing <|end|> <s> th\u00e9\n";
  return {to_tokenizer_files(byte_level).tokenizer.dump() + text, to_tokenizer_files(scores).tokenizer.dump() + text};
}

std::string sentencepiece_seed() {
  return sentencepiece_file(tiny_sentencepiece({{"t", -1}, {"h", -2}, {"th", -3}, {"\u2581", -4}, {"<|x|>", 0, 4}}));
}

std::string factored_config_seed() {
  Json json = tiny_config_json();
  json["model_type"] = "monarch_llama";
  json["monarch"] = {{"model.layers.0.mlp.up_proj", to_json(monarch_of_blocks(96, 64, 5).value())},
                     {"model.layers.1.mlp.down_proj", to_json(monarch_of_squares(64, 96).value())}};
  return json.dump();
}

std::string plan_seed() {
  Plan plan{.method = "flow", .requested_sparsity = 0.5, .other_weights = 8};
  plan.matrices = {{.name = "model.layers.0.mlp.up_proj", .n_out = 4, .n_in = 15, .pattern = {2, 4}},
                   {.name = "model.layers.1.mlp.up_proj", .block = 1, .n_out = 2, .n_in = 6, .outlier_share = 0.1}};
  plan.notes = {"slack"};
  return to_json(plan).dump();
}

std::string statistics_seed() {
  Statistics statistics{.model_fingerprint = "abc", .n_tokens = 5};
  statistics.scope = {.thresholds = {{3, Granularity::kBlock}},
                      .patterns = {{2, 4}, {4, 8}},
                      .error_patterns = {{4, 8}},
                      .losses = LossScope{}};
  statistics.inputs = {{.name = "q", .mean_squares = {0, 4, 2.25f}}};
  statistics.matrices = {{.name = "q",
                          .n_out = 4,
                          .n_in = 3,
                          .outliers = {{.weights = 12, .count = 2, .mean_score = 1}},
                          .dropped = {0.25, 0.125},
                          .errors = {0.1},
                          .rises = {{0.01, 0.002}, {0.5, 0.1}}},
                         {.name = "k",
                          .n_out = 1,
                          .n_in = 3,
                          .outliers = {{.weights = 3}},
                          .dropped = {0, 0},
                          .errors = {0},
                          .rises = {{}, {}}}};
  return to_json(statistics).dump();
}

/// One matrix of 16 x 16 in arrays of 8 x 8, in both forms.
std::vector<std::string> stream_seeds() {
  std::vector<std::string> seeds;
  for (const CellMapping mapping : {CellMapping::kSparse, CellMapping::kDenseElements}) {
    AnalogPlan plan{.array = {8, 8}, .matrices = {{}}, .rules = {}, .placed = {}, .format = {}, .converters = {}};
    for (const ArrayStage& stage : stages_of(monarch_of_squares(16, 16).value()))
      plan.matrices[0].stages.push_back(Layout::make(mapping, stage, plan.array).value());
    plan.placed = place(plan.matrices, plan.rules);
    const std::size_t members[] = {0};
    const CommandStream stream = schedule(plan, members, 1);
    seeds.push_back(to_text(stream));
    seeds.push_back(to_binary(stream));
  }
  return seeds;
}

std::string synthesis_seed() {
  return Json{{"format", "sparsecim-synthesis"},
              {"schema_version", 1},
              {"tool", "Yosys"},
              {"library", "cells.lib"},
              {"macros",
               {{{"name", "a"},
                 {"machine", "flexcim"},
                 {"parameters", {{"sub_macros", 4}, {"any_n", "false"}}},
                 {"components", {{{"component", "merging"}, {"gate_equivalents", 12.5}}}}}}}}
      .dump();
}

std::vector<std::string> embedded_seeds(std::string_view folder) {
  std::vector<std::string> seeds;
  for (const EmbeddedFile& file : embedded_files())
    if (file.path.starts_with(folder)) seeds.emplace_back(file.content);
  return seeds;
}

}  // namespace

std::vector<std::string> made_seeds(std::string_view target) {
  if (target == "activities") return {to_json(Activities{{"a", {}}, {"b", {.activation_toggle = 0.25}}}).dump()};
  if (target == "config") return {tiny_config_json().dump(), factored_config_seed()};
  if (target == "gguf") return gguf_seeds();
  if (target == "json") return {tiny_config_json().dump()};
  if (target == "llama2c") return {llama2c_file(small_config(), random_tensors(small_config()))};
  if (target == "machine") return embedded_seeds("arch/");
  if (target == "plan") return {plan_seed()};
  if (target == "record") return {test_record::record().dump()};
  if (target == "safetensors") return {safetensors_file(random_tensors(small_config()))};
  if (target == "sentencepiece") return {sentencepiece_seed()};
  if (target == "shapes") return embedded_seeds("shapes/");
  if (target == "statistics") return {statistics_seed()};
  if (target == "stream") return stream_seeds();
  if (target == "synthesis") return {synthesis_seed()};
  if (target == "tokenizer_bin") return {static_cast<char>(300 - 259) + llama2c_tokenizer_file()};
  if (target == "tokenizer_json") return tokenizer_seeds();
  return {};
}

}  // namespace sparsecim::fuzz

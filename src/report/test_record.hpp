#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.hpp"

// A record as `codesign` writes it for a model of SmolLM2-135M's shape: dense, uniform and FLOW on two machines in two
// phases. The numbers are made up, but of the size that such a run gives.
namespace sparsecim::test_record {

struct Linear {
  const char* name;
  std::int64_t n_out, n_in;
};
inline constexpr Linear kLinears[] = {{"self_attn.q_proj", 576, 576}, {"self_attn.k_proj", 192, 576},
                                      {"self_attn.v_proj", 192, 576}, {"self_attn.o_proj", 576, 576},
                                      {"mlp.gate_proj", 1536, 576},   {"mlp.up_proj", 1536, 576},
                                      {"mlp.down_proj", 576, 1536}};

inline std::string pattern_of(std::int64_t block) {
  static const std::vector<std::string> kPatterns = {"dense", "4:8", "2:4", "2:8", "4:8", "4:8", "2:8"};
  return kPatterns[static_cast<std::size_t>(block) % kPatterns.size()];
}

inline double outlier_share(std::int64_t block) { return 0.021 + 0.009 * std::sin(0.5 * static_cast<double>(block)); }
inline double distribution(std::int64_t block) { return 0.985 - 0.03 * std::cos(0.3 * static_cast<double>(block)); }

inline Json matrix(std::int64_t block, std::size_t index) {
  const Linear& linear = kLinears[index];
  const double wobble = 0.15 * std::sin(2.1 * static_cast<double>(index) + static_cast<double>(block));
  return {{"name", "model.layers." + std::to_string(block) + "." + linear.name},
          {"block", block},
          {"linear", linear.name},
          {"n_out", linear.n_out},
          {"n_in", linear.n_in},
          {"weights", linear.n_out * linear.n_in},
          {"pattern", pattern_of(block)},
          {"outlier_share", outlier_share(block) * (1 + wobble)},
          {"outlier_distribution", distribution(block) + 0.1 * wobble}};
}

inline Json selection(std::int64_t blocks) {
  Json result = {{"notes", {"ND spans only 0.955 .. 1.015: min-max stretches a small range"}},
                 {"slack", 0.0021},
                 {"blocks", Json::array()},
                 {"matrices", Json::array()}};
  for (std::int64_t block = 0; block < blocks; ++block) {
    result["blocks"].push_back({{"block", block},
                                {"outlier_share", outlier_share(block)},
                                {"outlier_distribution", distribution(block)},
                                {"pattern", pattern_of(block)}});
    for (std::size_t i = 0; i < std::size(kLinears); ++i) result["matrices"].push_back(matrix(block, i));
  }
  return result;
}

inline Json run(const char* arch, const char* phase, double latency_ns, double energy_pj, double area_um2) {
  const bool flexible = std::string(arch) == "flexcim";
  Json energy = {{"adder_tree", 0.41 * energy_pj},  {"multiplier", 0.17 * energy_pj},
                 {"accumulator", 0.12 * energy_pj}, {"activation_buffer", 0.09 * energy_pj},
                 {"weight_load", 0.08 * energy_pj}, {"leakage", 0.04 * energy_pj}};
  Json area = {{"cells", 0.38 * area_um2},
               {"adder_tree", 0.29 * area_um2},
               {"buffers", 0.17 * area_um2},
               {"accumulator", 0.08 * area_um2}};
  (flexible ? energy["pair_selection"] : energy["clock"]) = 0.09 * energy_pj;
  (flexible ? area["pair_selection"] : area["control"]) = 0.08 * area_um2;
  return {{"arch", arch},
          {"phase", phase},
          {"latency_ns", latency_ns},
          {"cycles", std::round(latency_ns / (flexible ? 3.11 : 3.76))},
          {"energy_pj", energy_pj},
          {"energy_pj_low", 0.55 * energy_pj},
          {"energy_pj_high", 1.3 * energy_pj},
          {"area_um2", area_um2},
          {"area_um2_low", 0.9 * area_um2},
          {"area_um2_high", 1.25 * area_um2},
          {"utilization", flexible ? 0.871 : 0.902},
          {"tops_per_watt", (std::string(phase) == "prefill" ? 1.08e11 : 2.1e8) / energy_pj},
          {"energy_by_component", std::move(energy)},
          {"area_by_component", std::move(area)}};
}

inline constexpr double kDenseArea = 13.4e6, kFlexArea = 14.6e6;  // um2

inline Json dense() {
  return {{"name", "dense"},
          {"label", "Dense"},
          {"plan", nullptr},
          {"sparsity", 0},
          {"whole_model_sparsity", 0},
          {"stored_bytes", 134515008},
          {"quality",
           {{"perplexity", 17.23},
            {"nats_per_token", 2.8467},
            {"bits_per_byte", 0.9132},
            {"tokens", 16000},
            {"kl_divergence", nullptr},
            {"top1_agreement", nullptr}}},
          {"hardware",
           {run("dense-dcim", "prefill", 6.23e6, 3.61e9, kDenseArea),
            run("dense-dcim", "decode", 195e3, 21.4e6, kDenseArea),
            run("flexcim", "prefill", 5.15e6, 3.98e9, kFlexArea), run("flexcim", "decode", 161e3, 22.9e6, kFlexArea)}}};
}

inline Json uniform() {
  return {{"name", "uniform"},
          {"label", "Uniform 4:8"},
          {"plan", "uniform.json"},
          {"sparsity", 0.5},
          {"whole_model_sparsity", 0.3946},
          {"stored_bytes", 101337600},
          {"quality",
           {{"perplexity", 27.91},
            {"nats_per_token", 3.329},
            {"bits_per_byte", 1.0679},
            {"tokens", 16000},
            {"kl_divergence", 0.4721},
            {"top1_agreement", 0.6614}}},
          {"hardware",
           {run("flexcim", "prefill", 2.61e6, 2.43e9, kFlexArea), run("flexcim", "decode", 92e3, 13.9e6, kFlexArea)}}};
}

inline Json flow() {
  return {{"name", "flow"},
          {"label", "FLOW"},
          {"plan", "plan.json"},
          {"sparsity", 0.5003},
          {"whole_model_sparsity", 0.3949},
          {"stored_bytes", 101290112},
          {"quality",
           {{"perplexity", 25.48},
            {"nats_per_token", 3.2379},
            {"bits_per_byte", 1.0387},
            {"tokens", 16000},
            {"kl_divergence", 0.3948},
            {"top1_agreement", 0.6902}}},
          {"hardware",
           {run("flexcim", "prefill", 2.66e6, 2.47e9, kFlexArea), run("flexcim", "decode", 94e3, 14.1e6, kFlexArea)}}};
}

inline Json baselines() {
  return {{{"name", "dense-int8"},
           {"label", "Dense int8"},
           {"stored_bytes", 134515008},
           {"quality", {{"perplexity", 17.41}, {"nats_per_token", 2.857}, {"kl_divergence", 0.0093}}}},
          {{"name", "dense-4bit"},
           {"label", "Dense 4-bit weights"},
           {"stored_bytes", 88066368},
           {"quality", {{"perplexity", 20.62}, {"nats_per_token", 3.0263}, {"kl_divergence", 0.1764}}}}};
}

inline Json point(const char* name, const std::string& label, double sparsity, double bytes, double perplexity,
                  double latency_ns, double energy_pj, const std::vector<std::string>& front) {
  return {{"name", name},
          {"label", label},
          {"sparsity", sparsity},
          {"stored_bytes", bytes},
          {"perplexity", perplexity},
          {"latency_ns", latency_ns},
          {"energy_pj", energy_pj},
          {"front", front}};
}

inline Json pareto() {
  const std::vector<std::string> all = {"stored_bytes", "latency_ns", "energy_pj"};
  Json points = {point("dense", "Dense", 0, 134515008, 17.23, 161e3, 22.9e6, all),
                 point("uniform", "Uniform 4:8", 0.5, 101337600, 27.91, 92e3, 13.9e6, {"latency_ns", "energy_pj"}),
                 point("flow", "FLOW at 50 %", 0.5003, 101290112, 25.48, 94e3, 14.1e6, all),
                 point("uniform", "Uniform 2:4", 0.5, 94702080, 33.02, 93e3, 14.2e6, {}),
                 point("flow", "FLOW at 25 %", 0.2513, 118012416, 19.3, 121e3, 18.2e6, all),
                 point("flow", "FLOW at 75 %", 0.7504, 64842240, 331.9, 55e3, 8.4e6, all)};
  points[3]["dominated_by"] = "FLOW at 50 %";
  points.push_back({{"name", "dense"},
                    {"label", "Dense 5-bit weights"},
                    {"sparsity", 0},
                    {"stored_bytes", 101337600},
                    {"perplexity", 18.11},
                    {"front", {"stored_bytes"}}});
  return {{"points", std::move(points)},
          {"equal",
           {{{"at", "sparsity"},
             {"value", 0.5003},
             {"label", "FLOW at 50 %"},
             {"perplexity", 25.48},
             {"rivals",
              {{{"name", "uniform"}, {"perplexity", 27.91}, {"below", "Uniform 4:8"}, {"above", "Uniform 4:8"}}}}},
            {{"at", "stored_bytes"},
             {"value", 101290112},
             {"label", "FLOW at 50 %"},
             {"perplexity", 25.48},
             {"rivals",
              {{{"name", "dense"},
                {"perplexity", 18.12},
                {"below", "Dense 4-bit weights"},
                {"above", "Dense 5-bit weights"}}}}}}}};
}

inline Json request() {
  return {{"sparsity", 0.5},
          {"arch", "flexcim"},
          {"baseline_arch", "dense-dcim"},
          {"macros", 64},
          {"method", "flow"},
          {"options", {"2:4", "2:8", "4:8", "dense"}},
          {"tau", 3},
          {"granularity", "block"},
          {"calibration", {{"text", "calibration.txt"}, {"samples", 32}, {"length", 512}, {"tokens", 16384}}},
          {"evaluation", {{"text", "evaluation.txt"}, {"tokens", 16000}, {"context", 2048}}},
          {"phases",
           {{{"phase", "prefill"}, {"tokens", 512}, {"batch", 1}, {"context", 512}},
            {{"phase", "decode"}, {"tokens", 1}, {"batch", 1}, {"context", 512}}}}};
}

inline Json provenance() {
  return {{"sparsecim", "0.1.0"},
          {"verb", "codesign"},
          {"options",
           {{"model", "smollm2-135m-instruct-q4_1.gguf"},
            {"sparsity", 0.5},
            {"arch", "flexcim"},
            {"text", "my corpus/plain english.txt"},
            {"samples", 32},
            {"length", 512},
            {"split", nullptr},
            {"force", false},
            {"seed", 0},
            {"output", "run"}}},
          {"inputs",
           {{{"path", "smollm2-135m-instruct-q4_1.gguf"},
             {"sha256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}},
            {{"path", "my corpus/plain english.txt"},
             {"sha256", "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"}}}},
          {"seed", 0}};
}

inline Json record(std::int64_t blocks = 30) {
  return {{"schema", "sparsecim.record/1"},
          {"provenance", provenance()},
          {"model",
           {{"name", "SmolLM2-135M-Instruct"},
            {"architecture", "llama"},
            {"parameters", 134515008},
            {"layers", blocks},
            {"hidden_size", 576},
            {"heads", 9},
            {"kv_heads", 3},
            {"vocabulary", 49152},
            {"source_storage", "GGUF Q4_1"},
            {"planned_weights", 106168320}}},
          {"request", request()},
          {"variants", {dense(), uniform(), flow()}},
          {"baselines", baselines()},
          {"pareto", pareto()},
          {"selection", selection(blocks)},
          {"stages",
           {{{"name", "read"}, {"seconds", 0.7}},
            {{"name", "calibrate"}, {"seconds", 41.2}},
            {{"name", "select"}, {"seconds", 0.3}},
            {{"name", "prune"}, {"seconds", 48.9}},
            {{"name", "evaluate"}, {"seconds", 74.5}},
            {{"name", "simulate"}, {"seconds", 0.2}}}},
          {"machine", {{"cpu", "AMD EPYC 7R13"}, {"threads", 2}}},
          {"notes",
           {"The evaluation text is plain English of 16,000 tokens; differences below 1 % of perplexity are within its "
            "noise.",
            "Weights were stored as Q4_1 and are evaluated as float32."}}};
}

}  // namespace sparsecim::test_record

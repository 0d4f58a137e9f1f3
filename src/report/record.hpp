#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

// A run record (docs/formats/record.md) as the pages read it: everything optional may be absent, and a number that is
// null or not finite counts as absent.
namespace sparsecim::report {

using Number = std::optional<double>;
using Amounts = std::vector<std::pair<std::string, double>>;  // by component, in the record's order

struct Quality {
  Number perplexity, nats_per_token, bits_per_byte, tokens, kl_divergence, top1_agreement;
};

/// One variant in one phase on one machine.
struct HardwareRun {
  std::string arch, phase;
  Number latency_ns, cycles;
  Number energy_pj, energy_pj_low, energy_pj_high;
  Number area_um2, area_um2_low, area_um2_high;
  Number utilization, tops_per_watt;
  Amounts energy_by_component, area_by_component;  // pJ, um2
};

struct Variant {
  std::string name, label;
  Number sparsity, whole_model_sparsity, stored_bytes;
  Quality quality;
  std::vector<HardwareRun> hardware;
};

/// The dense model in fewer bits.
struct Baseline {
  std::string name, label;
  Number stored_bytes;
  Quality quality;
};

/// One way to shrink the model, as the Pareto front sees it.
struct ParetoPoint {
  std::string name, label;
  Number sparsity, stored_bytes, perplexity, latency_ns, energy_pj;
  std::vector<std::string> front;  // the costs by which it is on the front: "stored_bytes"
  std::string dominated_by;        // the label of a point that is nowhere worse; empty: of none
};

/// What another kind has where it is as sparse or as large; `below` and `above`: what was interpolated between.
struct EqualRival {
  std::string name, below, above;
  Number perplexity;
};
struct EqualComparison {
  std::string at, label;  // "sparsity" or "stored_bytes"
  Number value, perplexity;
  std::vector<EqualRival> rivals;
};

struct Pareto {
  std::vector<ParetoPoint> points;
  std::vector<EqualComparison> equal;
};

struct Phase {
  std::string name;
  Number tokens, batch, context;
};

struct Text {
  std::string text;
  Number samples, length, tokens, context;
};

struct Request {
  Number sparsity, tau, macros;
  std::string arch, baseline_arch, method, granularity;
  std::vector<std::string> options;
  Text calibration, evaluation;
  std::vector<Phase> phases;
};

struct Model {
  std::string name, architecture, source_storage;
  Number parameters, layers, hidden_size, heads, kv_heads, vocabulary, planned_weights;
};

struct SelectedBlock {
  std::int64_t block;
  std::string pattern;  // empty where matrices decide for themselves
  Number outlier_share, outlier_distribution;
};

struct SelectedMatrix {
  std::string name, linear, pattern;
  std::int64_t block;
  Number n_out, n_in, weights, outlier_share, outlier_distribution;
};

struct Selection {
  std::vector<std::string> notes;
  Number slack;
  std::vector<SelectedBlock> blocks;
  std::vector<SelectedMatrix> matrices;
};

struct Stage {
  std::string name;
  double seconds;
};

struct Input {
  std::string path, sha256;
};

struct Provenance {
  std::string version, verb, command;
  Json options;
  std::vector<Input> inputs;
  std::optional<std::string> seed;
};

struct Machine {
  std::string cpu;
  Number threads;
};

struct Record {
  Provenance provenance;
  Model model;
  Request request;
  std::vector<Variant> variants;
  std::vector<Baseline> baselines;
  Pareto pareto;
  Selection selection;
  std::vector<Stage> stages;
  Machine machine;
  std::vector<std::string> notes;
};

/// Errors: another schema; a required key missing or a value of the wrong type, named with its place
/// ("variants[1]: hardware[0]: 'latency_ns' is not a number").
Result<Record> record_from_json(const Json& json);

}  // namespace sparsecim::report

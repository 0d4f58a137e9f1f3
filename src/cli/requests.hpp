#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// What the verbs that compute on tensors are asked to do: filled from the command line by src/cli/VERB.cpp, carried
/// out by src/cli/tensor/VERB.cpp behind libsparsecim_tensors.so. Paths that are empty were not given.

/// Options that every one of them has.
struct TensorRequest {
  std::string model;
  std::string device = "cpu", dtype = "float32";
};

/// Which text, and how it is cut into documents.
struct TextRequest {
  std::filesystem::path text;
  std::optional<std::string> split;
};

struct CalibrationRequest : TextRequest {
  std::int64_t samples = 128, length = 512;
  std::uint64_t seed = 0;
};

struct EvalRequest : TensorRequest, TextRequest {
  std::optional<std::int64_t> context;  // none: 2048, or what the model allows
  std::int64_t max_tokens = INT64_MAX, max_documents = INT64_MAX;
  std::string compare;  // another model; empty: none
  std::string task;     // in place of a text: "hellaswag", "lambada"
  std::filesystem::path task_file;
  std::int64_t limit = INT64_MAX;  // questions
  std::string arithmetic = "float";
  std::string round_weights;      // "4:32"; empty: as they are
  std::string arch;               // of flexcim and analog arithmetic; empty: flexcim, analog
  std::vector<std::string> set;   // KEY=VALUE of its description
  std::int64_t check_strips = 0;  // 0: 2
  std::string mapping, adc_bits;  // of analog arithmetic, as --set has them; empty: as the description has them
  std::string programming_noise, read_noise, drift_seconds;
  std::uint64_t noise_seed = 0;
  std::filesystem::path activities;  // where to write what is measured of activations; empty: nowhere
  std::filesystem::path json;
};

struct GenerateRequest : TensorRequest {
  std::string prompt;
  std::int64_t tokens = 128;
  double temperature = 0;
  std::uint64_t seed = 0;
};

/// How a plan is chosen.
struct SelectionOptions {
  std::string method = "flow";
  std::optional<double> sparsity;    // none: as the ceilings or the plan have it
  std::string options;               // "2:4,4:8,dense"; empty: the method's own
  std::optional<double> tau;         // none: the method's own
  std::string granularity;           // block | matrix; empty: the method's own
  std::string nd = "minmax";         // minmax | chance
  std::string m_rule = "clustered";  // clustered | inverse
  std::string budget = "weights";    // weights | layers
  std::vector<std::string> keep;     // "dense:model.layers.0.*"
  std::optional<std::int64_t> max_bytes;
  std::optional<std::int64_t> max_decode_ns, max_decode_nj;  // of one token, on `arch`
  std::string arch = "flexcim";
  bool has_ceiling() const { return max_bytes || max_decode_ns || max_decode_nj; }
  double time_limit_s = 60;
  std::optional<std::string> loss_reference;  // what the other matrices have while the loss of one is measured
  std::optional<std::int64_t> loss_tokens;
  std::optional<double> caution;  // none: several, and the best of their plans
  std::filesystem::path plan;     // whose patterns are shuffled
};

struct SelectRequest : TensorRequest {
  SelectionOptions selection;
  CalibrationRequest calibration;
  std::filesystem::path statistics;  // read if it exists, written otherwise
  std::filesystem::path output;
};

struct PruneRequest : TensorRequest {
  std::string pattern;
  std::filesystem::path plan;
  std::string importance = "wanda";
  std::filesystem::path masks;           // in place of an importance: made by somebody else
  std::string mask_granularity = "row";  // row | rows:G | pairs:G
  CalibrationRequest calibration;
  std::filesystem::path output;
  bool force = false;
};

struct MonarchRequest : TensorRequest {
  std::string blocks;              // a number, or "sqrt"
  CalibrationRequest calibration;  // without a text: none
  std::filesystem::path output;
  bool force = false;
};

struct CodesignRequest : TensorRequest {
  SelectionOptions selection;
  CalibrationRequest calibration;
  std::filesystem::path evaluation_text;  // empty: the last part of the calibration text, which is then kept apart
  std::int64_t evaluation_tokens = 40000;
  std::optional<std::int64_t> context;  // of evaluation; none: 2048, or what the model allows
  std::string importance = "wanda";
  std::string arch = "flexcim", baseline = "dense-dcim";
  std::optional<std::int64_t> prefill_tokens, decode_context;  // none: 512, or what the model allows
  bool pareto = false;
  std::vector<double> pareto_sparsities = {0.25, 0.375, 0.5, 0.625, 0.75};
  std::vector<std::string> pareto_methods;  // beside the selection's own
  std::filesystem::path output;
  bool force = false;
};

/// The other half of the tensor verbs, as libsparsecim_tensors.so exports it.
struct TensorVerbs {
  Result<void> (*eval)(const EvalRequest&);
  Result<void> (*generate)(const GenerateRequest&);
  Result<void> (*select)(const SelectRequest&);
  Result<void> (*prune)(const PruneRequest&);
  Result<void> (*monarch)(const MonarchRequest&);
  Result<void> (*codesign)(const CodesignRequest&);
};

/// Opens libsparsecim_tensors.so, and LibTorch with it: only when a verb that needs it runs.
/// Errors: this build has none, or LibTorch's libraries are not where it was built against.
Result<const TensorVerbs*> tensor_verbs();

}  // namespace sparsecim

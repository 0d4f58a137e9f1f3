#pragma once

#include <string>
#include <vector>

#include "report/record.hpp"

namespace sparsecim::report {

/// The models that the verdict speaks of; null where the record has none.
struct Cast {
  const Variant* subject = nullptr;  // the model of the requested method
  const Variant* rival = nullptr;    // the best other pruned one, of equal sparsity if there is one
  const Variant* dense = nullptr;
};
Cast cast_of(const Record& record);

/// Whether two models lack the same share of their planned weights, as far as a percentage with one decimal shows.
bool same_sparsity(const Variant& a, const Variant& b);

/// "Dense on flexcim"
std::string name_of_run(const Variant& variant, const std::string& arch);
/// Null if the variant was not run there.
const HardwareRun* find_run(const Variant& variant, const std::string& arch, const std::string& phase);
/// In the order of the request, then of appearance.
std::vector<std::string> phases_of(const Record& record);

/// What the subject is measured against.
struct Opponent {
  const Variant* variant;
  std::string arch;
};
/// Dense on the baseline machine, dense on the subject's machine, the rival on it: those that are in the record.
std::vector<Opponent> opponents_of(const Record& record, const Cast& cast);

/// The subject's value divided by another's; below 1 the subject is better.
struct Comparison {
  std::string phase;     // "decode"; empty for what belongs to no phase
  std::string quantity;  // "perplexity", "latency", "energy", "area"
  std::string against;   // "Dense on flexcim"
  double ratio;
};
/// "1.42× lower", "1.09× larger", "the same".
std::string describe(const Comparison& comparison);

/// Everything in which the subject can be beaten, but for the perplexity of the dense model.
std::vector<Comparison> comparisons_of(const Record& record);

enum class Tone { kBetter, kWorse, kLevel, kUnknown };

/// What the numbers say, in plain sentences.
struct Verdict {
  Tone tone = Tone::kUnknown;          // of the quality, against the rival
  std::string headline;                // quality, against the rival
  std::vector<std::string> sentences;  // quality against the dense model, then the hardware
  std::string least_flattering;        // the comparison in which the subject does worst; empty if there is none
};
Verdict verdict_of(const Record& record);

}  // namespace sparsecim::report

#include "report/verdict.hpp"

#include <algorithm>
#include <cmath>

#include "report/units.hpp"

namespace sparsecim::report {
namespace {

bool positive(const Number& value) { return value && *value > 0; }

Number ratio_of(const Number& ours, const Number& theirs) {
  if (!positive(ours) || !positive(theirs)) return {};
  const double ratio = *ours / *theirs;
  return std::isfinite(ratio) && ratio > 0 ? Number{ratio} : Number{};
}

const Variant* find_variant(const Record& record, const std::string& name) {
  const auto found = std::ranges::find(record.variants, name, &Variant::name);
  return found == record.variants.end() ? nullptr : &*found;
}

const Variant* find_subject(const Record& record) {
  if (const auto* requested = find_variant(record, record.request.method)) return requested;
  for (auto variant = record.variants.rbegin(); variant != record.variants.rend(); ++variant)
    if (variant->name != "dense") return &*variant;
  return nullptr;
}

/// Equal sparsity counts first, then the lower perplexity: the comparison that is hardest to win.
const Variant* find_rival(const Record& record, const Variant& subject) {
  const auto rank = [&](const Variant& variant) {
    return std::pair(!same_sparsity(variant, subject), variant.quality.perplexity.value_or(INFINITY));
  };
  const Variant* best = nullptr;
  for (const auto& variant : record.variants)
    if (&variant != &subject && variant.name != "dense" && (best == nullptr || rank(variant) < rank(*best)))
      best = &variant;
  return best;
}

/// Area belongs to no phase: it is the same in all, and taken from the first that has it.
void compare_area(const Record& record, const Variant& subject, const Opponent& opponent,
                  std::vector<Comparison>& into) {
  for (const auto& phase : phases_of(record)) {
    const auto* ours = find_run(subject, record.request.arch, phase);
    const auto* theirs = find_run(*opponent.variant, opponent.arch, phase);
    if (ours == nullptr || theirs == nullptr) continue;
    if (const auto ratio = ratio_of(ours->area_um2, theirs->area_um2))
      return into.push_back({"", "area", name_of_run(*opponent.variant, opponent.arch), *ratio});
  }
}

std::vector<Comparison> compare_hardware(const Record& record, const Variant& subject, const Opponent& opponent) {
  std::vector<Comparison> result;
  const auto against = name_of_run(*opponent.variant, opponent.arch);
  for (const auto& phase : phases_of(record)) {
    const auto* ours = find_run(subject, record.request.arch, phase);
    const auto* theirs = find_run(*opponent.variant, opponent.arch, phase);
    if (ours == nullptr || theirs == nullptr) continue;
    if (const auto ratio = ratio_of(ours->latency_ns, theirs->latency_ns))
      result.push_back({phase, "latency", against, *ratio});
    if (const auto ratio = ratio_of(ours->energy_pj, theirs->energy_pj))
      result.push_back({phase, "energy", against, *ratio});
  }
  compare_area(record, subject, opponent, result);
  return result;
}

std::string sparsity_clause(const Variant& subject, const Variant& rival) {
  if (!subject.sparsity || !rival.sparsity) return "; the sparsity of one of them is not known";
  if (same_sparsity(subject, rival)) return fmt::format(", both at {} sparsity", format_percent(*subject.sparsity));
  return fmt::format(", but not at equal sparsity: {} has {}, {} {}", subject.label, format_percent(*subject.sparsity),
                     rival.label, format_percent(*rival.sparsity));
}

void judge_against_rival(const Variant& subject, const Variant& rival, Verdict& verdict) {
  const auto ratio = ratio_of(subject.quality.perplexity, rival.quality.perplexity);
  if (!ratio) {
    verdict.headline = fmt::format("{} cannot be compared with {}: a perplexity is missing or not finite.",
                                   subject.label, rival.label);
    return;
  }
  const bool level = std::abs(*ratio - 1) < kSameWithin;
  verdict.tone = level ? Tone::kLevel : *ratio < 1 ? Tone::kBetter : Tone::kWorse;
  const char* word = level ? "is level with" : *ratio < 1 ? "is better than" : "is worse than";
  verdict.headline =
      fmt::format("{} {} {}: perplexity {} against {} ({}){}.", subject.label, word, rival.label,
                  format_perplexity(*subject.quality.perplexity), format_perplexity(*rival.quality.perplexity),
                  describe_change(*ratio), sparsity_clause(subject, rival));
}

std::string dense_quality(const Variant& subject, const Variant& dense) {
  const auto ratio = ratio_of(subject.quality.perplexity, dense.quality.perplexity);
  if (!ratio) return {};
  const auto perplexity = format_perplexity(*dense.quality.perplexity);
  if (std::abs(*ratio - 1) < kSameWithin)
    return fmt::format("Pruning costs no perplexity: the dense model has {}.", perplexity);
  return fmt::format("The dense model has {}: pruned, perplexity is {}.", perplexity, describe_change(*ratio));
}

void judge_quality(const Cast& cast, Verdict& verdict) {
  const bool with_dense = cast.dense != nullptr && cast.dense != cast.subject;
  if (cast.rival != nullptr)
    judge_against_rival(*cast.subject, *cast.rival, verdict);
  else
    verdict.headline = fmt::format("{}: perplexity {}; no other pruned model to compare it with.", cast.subject->label,
                                   format_or_nothing(cast.subject->quality.perplexity, format_perplexity));
  if (!with_dense) return;
  if (auto sentence = dense_quality(*cast.subject, *cast.dense); !sentence.empty())
    verdict.sentences.push_back(std::move(sentence));
}

std::string macros_of(const Record& record) {
  return record.request.macros ? format_number(*record.request.macros) + " macros each" : "equal macros";
}

/// "Against Dense on dense-dcim (64 macros each): prefill latency 2.34× lower, energy 1.46× lower; area 1.09× larger."
std::string hardware_sentence(const Record& record, const Variant& subject, const Opponent& opponent) {
  std::string list, phase;
  for (const auto& comparison : compare_hardware(record, subject, opponent)) {
    const bool next_phase = list.empty() || comparison.phase != phase;
    list += list.empty() ? "" : next_phase ? "; " : ", ";
    if (next_phase && !comparison.phase.empty()) list += comparison.phase + " ";
    list += comparison.quantity + " " + describe(comparison);
    phase = comparison.phase;
  }
  if (list.empty()) return {};
  return fmt::format("Against {} ({}): {}.", name_of_run(*opponent.variant, opponent.arch), macros_of(record), list);
}

std::string least_flattering(const std::vector<Comparison>& comparisons) {
  if (comparisons.empty()) return {};
  const auto worst = std::ranges::max_element(comparisons, {}, &Comparison::ratio);
  const bool same = std::abs(worst->ratio - 1) < kSameWithin;
  return fmt::format("Least flattering of {}: {}{} {} {} {}.",
                     comparisons.size() == 1 ? "one comparison" : fmt::format("{} comparisons", comparisons.size()),
                     worst->phase.empty() ? "" : worst->phase + " ", worst->quantity, describe(*worst),
                     same ? "as for" : "than for", worst->against);
}

}  // namespace

bool same_sparsity(const Variant& a, const Variant& b) {
  return a.sparsity && b.sparsity && format_percent(*a.sparsity) == format_percent(*b.sparsity);
}

std::string describe(const Comparison& comparison) {
  if (comparison.quantity == "area") return describe_ratio(comparison.ratio, "smaller", "larger");
  if (comparison.quantity == "perplexity") return describe_change(comparison.ratio);
  return describe_ratio(comparison.ratio);
}

std::string name_of_run(const Variant& variant, const std::string& arch) { return variant.label + " on " + arch; }

const HardwareRun* find_run(const Variant& variant, const std::string& arch, const std::string& phase) {
  const auto found = std::ranges::find_if(
      variant.hardware, [&](const HardwareRun& run) { return run.arch == arch && run.phase == phase; });
  return found == variant.hardware.end() ? nullptr : &*found;
}

std::vector<std::string> phases_of(const Record& record) {
  std::vector<std::string> phases;
  const auto add = [&](const std::string& phase) {
    if (std::ranges::find(phases, phase) == phases.end()) phases.push_back(phase);
  };
  for (const auto& phase : record.request.phases) add(phase.name);
  for (const auto& variant : record.variants)
    for (const auto& run : variant.hardware) add(run.phase);
  return phases;
}

Cast cast_of(const Record& record) {
  Cast cast;
  cast.dense = find_variant(record, "dense");
  cast.subject = find_subject(record);
  if (cast.subject != nullptr) cast.rival = find_rival(record, *cast.subject);
  return cast;
}

std::vector<Opponent> opponents_of(const Record& record, const Cast& cast) {
  std::vector<Opponent> opponents;
  const auto add = [&](const Variant* variant, const std::string& arch) {
    if (variant == nullptr || variant == cast.subject) return;
    const bool known = std::ranges::any_of(
        opponents, [&](const Opponent& other) { return other.variant == variant && other.arch == arch; });
    const bool was_run = std::ranges::find(variant->hardware, arch, &HardwareRun::arch) != variant->hardware.end();
    if (was_run && !known) opponents.push_back({variant, arch});
  };
  add(cast.dense, record.request.baseline_arch);
  add(cast.dense, record.request.arch);
  add(cast.rival, record.request.arch);
  return opponents;
}

std::vector<Comparison> comparisons_of(const Record& record) {
  const Cast cast = cast_of(record);
  std::vector<Comparison> result;
  if (cast.subject == nullptr) return result;
  if (cast.rival != nullptr)
    if (const auto ratio = ratio_of(cast.subject->quality.perplexity, cast.rival->quality.perplexity))
      result.push_back({"", "perplexity", cast.rival->label, *ratio});
  for (const auto& opponent : opponents_of(record, cast))
    for (auto& comparison : compare_hardware(record, *cast.subject, opponent)) result.push_back(std::move(comparison));
  return result;
}

Verdict verdict_of(const Record& record) {
  Verdict verdict;
  verdict.headline = "The record holds no pruned model: there is nothing to judge.";
  const Cast cast = cast_of(record);
  if (cast.subject == nullptr) return verdict;
  judge_quality(cast, verdict);
  for (const auto& opponent : opponents_of(record, cast)) {
    if (opponent.variant != cast.dense) continue;
    if (auto sentence = hardware_sentence(record, *cast.subject, opponent); !sentence.empty())
      verdict.sentences.push_back(std::move(sentence));
  }
  verdict.least_flattering = least_flattering(comparisons_of(record));
  return verdict;
}

}  // namespace sparsecim::report

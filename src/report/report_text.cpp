#include <algorithm>

#include "report/pareto.hpp"
#include "report/printable.hpp"
#include "report/report.hpp"
#include "report/table.hpp"
#include "report/units.hpp"
#include "report/verdict.hpp"

namespace sparsecim {
namespace {

using namespace report;

constexpr int kLineWidth = 100;

/// Words in lines of at most kLineWidth columns; lines after the first are indented.
std::string wrapped(const std::string& text, const std::string& indent) {
  std::string lines, line, word;
  const auto put = [&] {
    if (word.empty()) return;
    if (!line.empty() && display_width(line) + 1 + display_width(word) > kLineWidth)
      lines += line + "\n", line = indent + word;
    else
      line += (line.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const auto& glyph : glyphs(text)) {
    if (glyph.bytes == " ")
      put();
    else
      word += glyph.bytes;
  }
  put();
  return lines + line + "\n";
}

std::string models_table(const Record& record) {
  Table table({"model", "sparsity", "whole model", "stored", "perplexity", "nats/token", "KL", "top-1"});
  const auto row = [&](const std::string& label, const Number& sparsity, const Number& whole, const Number& bytes,
                       const Quality& quality) {
    table.row({label, format_or_nothing(sparsity, format_percent), format_or_nothing(whole, format_percent),
               format_or_nothing(bytes, format_size), format_or_nothing(quality.perplexity, format_perplexity),
               format_or_nothing(quality.nats_per_token, format_loss),
               format_or_nothing(quality.kl_divergence, format_loss),
               format_or_nothing(quality.top1_agreement, format_percent)});
  };
  const auto rows = [&](bool dense) {
    for (const auto& variant : record.variants)
      if ((variant.name == "dense") == dense)
        row(variant.label, variant.sparsity, variant.whole_model_sparsity, variant.stored_bytes, variant.quality);
  };
  rows(true);
  for (const auto& baseline : record.baselines) row(baseline.label, {}, {}, baseline.stored_bytes, baseline.quality);
  rows(false);
  return table.text(kLineWidth);
}

std::string hardware_table(const Record& record) {
  Table table({"phase", "model", "machine", "latency", "energy", "area", "utilization", "TOPS/W"});
  bool first = true;
  for (const auto& phase : phases_of(record)) {
    if (!std::exchange(first, false)) table.rule();
    for (const auto& variant : record.variants)
      for (const auto& run : variant.hardware)
        if (run.phase == phase)
          table.row({phase, variant.label, run.arch, format_or_nothing(run.latency_ns, format_time),
                     format_or_nothing(run.energy_pj, format_energy), format_or_nothing(run.area_um2, format_area),
                     format_or_nothing(run.utilization, format_percent),
                     format_or_nothing(run.tops_per_watt, format_significant)});
  }
  return table.text(kLineWidth);
}

std::string pareto_table(const Record& record) {
  Table table({"Pareto front", "sparsity", "stored", "perplexity", "decode", "energy", "on the front of"});
  for (const auto& point : by_size(record.pareto))
    table.row({point.label, format_or_nothing(point.sparsity, format_percent),
               format_or_nothing(point.stored_bytes, format_size),
               format_or_nothing(point.perplexity, format_perplexity), format_or_nothing(point.latency_ns, format_time),
               format_or_nothing(point.energy_pj, format_energy), standing(point)});
  return table.text(kLineWidth);
}

bool any_hardware(const Record& record) {
  return std::ranges::any_of(record.variants, [](const Variant& variant) { return !variant.hardware.empty(); });
}

}  // namespace

Result<std::string> render_report_text(const Json& json) {
  SC_TRY_ASSIGN(const Record record, record_from_json(json));
  std::string text;
  if (!record.variants.empty()) text += models_table(record) + "\n";
  if (any_hardware(record)) text += hardware_table(record) + "\n";
  if (!record.pareto.points.empty()) text += pareto_table(record) + "\n";
  const Verdict verdict = verdict_of(record);
  text += wrapped(verdict.headline, "");
  for (const auto& sentence : verdict.sentences) text += wrapped("- " + sentence, "  ");
  if (!verdict.least_flattering.empty()) text += wrapped("- " + verdict.least_flattering, "  ");
  for (const auto& equal : record.pareto.equal) text += wrapped("- " + equality_sentence(equal), "  ");
  for (const auto& note : record.notes) text += wrapped("note: " + note, "  ");
  return text;
}

}  // namespace sparsecim

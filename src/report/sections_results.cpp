// What came out: title, verdict, the models side by side.
#include <algorithm>

#include "base/progress.hpp"
#include "report/parts.hpp"
#include "report/sections.hpp"
#include "report/svg.hpp"
#include "report/units.hpp"

namespace sparsecim::report {
namespace {

std::string count(double value) { return format_number(value); }

std::string millions(double parameters) {
  if (parameters < 1e6) return format_number(parameters);
  return parameters < 1e9 ? format_significant(parameters / 1e6) + " M" : format_significant(parameters / 1e9) + " B";
}

/// "30 blocks", or nothing.
void add_fact(std::vector<std::string>& facts, const Number& value, std::string (*format)(double), const char* unit) {
  if (value) facts.push_back(format(*value) + " " + unit);
}

std::vector<std::string> facts_of(const Record& record) {
  std::vector<std::string> facts;
  add_fact(facts, record.model.parameters, millions, "parameters");
  add_fact(facts, record.model.layers, count, "blocks");
  add_fact(facts, record.model.planned_weights, millions, "weights planned");
  if (!record.model.source_storage.empty()) facts.push_back("read from " + record.model.source_storage);
  if (!record.request.granularity.empty()) facts.push_back("a pattern per " + record.request.granularity);
  return facts;
}

const char* tone_class(Tone tone) {
  switch (tone) {
    case Tone::kBetter:
      return "verdict better";
    case Tone::kWorse:
      return "verdict worse";
    case Tone::kLevel:
      return "verdict level";
    case Tone::kUnknown:
      break;
  }
  return "verdict";
}

/// "▼ 1.42× lower than Dense on flexcim", good or bad; every value of these tiles is better when it is lower.
Html tile_line(double ratio, const std::string& words, const std::string& against) {
  const bool same = ratio > 1 - kSameWithin && ratio < 1 + kSameWithin;
  const char* mark = same ? "=" : ratio < 1 ? "▼" : "▲";
  return element("li",
                 {{"class", same        ? "same"
                            : ratio < 1 ? "good"
                                        : "bad"}},
                 element("b", {}, mark, " ", words), same ? " as " : " than ", against);
}

struct Tile {
  std::string title, value;
  Html lines;
};

Html draw(const Tile& tile) {
  return element("div", {{"class", "tile"}}, element("h3", {}, tile.title),
                 element("p", {{"class", "big"}}, tile.value), element("ul", {}, tile.lines));
}

Tile perplexity_tile(const Cast& cast) {
  const auto& ours = cast.subject->quality.perplexity;
  Tile tile{"Perplexity", format_or_nothing(ours, format_perplexity), {}};
  for (const Variant* other : {cast.rival, cast.dense}) {
    if (other == nullptr || other == cast.subject || !ours || !other->quality.perplexity) continue;
    const double theirs = *other->quality.perplexity;
    if (*ours > 0 && theirs > 0)
      tile.lines += tile_line(*ours / theirs, describe_change(*ours / theirs),
                              other->label + " (" + format_perplexity(theirs) + ")");
  }
  return tile;
}

/// The comparisons of one metric, "decode latency".
Html lines_for(const std::vector<Comparison>& comparisons, const std::string& phase, const std::string& quantity) {
  Html lines;
  for (const auto& comparison : comparisons)
    if (comparison.phase == phase && comparison.quantity == quantity)
      lines += tile_line(comparison.ratio, describe(comparison), comparison.against);
  return lines;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

/// The quality and latencies, then area and energies: a row each where there are two phases and room for three tiles.
std::vector<Tile> tiles_of(const Record& record, const Cast& cast) {
  const auto comparisons = comparisons_of(record);
  std::vector<Tile> latency = {perplexity_tile(cast)}, energy;
  for (const auto& phase : phases_of(record)) {
    const auto* run = find_run(*cast.subject, record.request.arch, phase);
    if (run == nullptr) continue;
    if (energy.empty())
      energy.push_back({"Area", format_or_nothing(run->area_um2, format_area), lines_for(comparisons, "", "area")});
    latency.push_back({capitalised(phase) + " latency", format_or_nothing(run->latency_ns, format_time),
                       lines_for(comparisons, phase, "latency")});
    energy.push_back({capitalised(phase) + " energy", format_or_nothing(run->energy_pj, format_energy),
                      lines_for(comparisons, phase, "energy")});
  }
  latency.insert(latency.end(), energy.begin(), energy.end());
  return latency;
}

Html draw_tiles(const Record& record) {
  const Cast cast = cast_of(record);
  if (cast.subject == nullptr) return {};
  Html tiles;
  for (const auto& tile : tiles_of(record, cast)) tiles += draw(tile);
  return element("div", {{"class", "tiles"}}, tiles);
}

/// "+47.9 %", "3.10×"
std::string change(double ratio) {
  return ratio < 2 ? fmt::format("{:+.1f} %", 100 * (ratio - 1)) : format_times(ratio);
}

/// Perplexity and by how much it differs from the dense model's.
Html perplexity_cell(const Variant& variant, const Cast& cast) {
  const auto& ours = variant.quality.perplexity;
  const bool comparable = ours && cast.dense != nullptr && &variant != cast.dense && cast.dense->quality.perplexity &&
                          *ours > 0 && *cast.dense->quality.perplexity > 0;
  return with_remark(format_or_nothing(ours, format_perplexity),
                     comparable ? change(*ours / *cast.dense->quality.perplexity) : "");
}

TableRow model_row(const Variant& variant, const Cast& cast) {
  const auto& quality = variant.quality;
  return {{variant.label, format_or_nothing(variant.sparsity, format_percent),
           format_or_nothing(variant.whole_model_sparsity, format_percent),
           format_or_nothing(variant.stored_bytes, format_size), perplexity_cell(variant, cast),
           format_or_nothing(quality.nats_per_token, format_loss),
           format_or_nothing(quality.bits_per_byte, format_loss), format_or_nothing(quality.kl_divergence, format_loss),
           format_or_nothing(quality.top1_agreement, format_percent)},
          &variant == cast.subject};
}

/// A baseline as the models' tables show it: nothing of it is pruned.
Variant variant_of(const Baseline& baseline) {
  return {.name = baseline.name,
          .label = baseline.label,
          .sparsity = {},
          .whole_model_sparsity = {},
          .stored_bytes = baseline.stored_bytes,
          .quality = baseline.quality,
          .hardware = {}};
}

Html models_table(const Record& record, const Cast& cast) {
  std::vector<TableRow> rows;
  for (const auto& variant : record.variants) rows.push_back(model_row(variant, cast));
  std::vector<TableRow> rounded;
  for (const auto& baseline : record.baselines) {
    rounded.push_back(model_row(variant_of(baseline), cast));
    rounded.back().cells[0] = term("baseline", baseline.label);
  }
  const bool dense_first = cast.dense != nullptr && cast.dense == &record.variants.front();
  rows.insert(rows.begin() + (dense_first ? 1 : 0), rounded.begin(), rounded.end());
  return table(
      "",
      {"Model", term("sparsity", "Sparsity"), "whole model", term("stored", "Stored"), term("perplexity", "Perplexity"),
       term("nats", "nats/token"), term("nats", "bits/byte"), term("kl", "KL"), term("top1", "Top-1")},
      rows);
}

using Read = Number (*)(const Variant&);
using Format = std::string (*)(double);

/// What is measured from the dense model (KL divergence) has no bar for the dense model itself.
std::vector<Bar> bars_by_variant(const Record& record, const Cast& cast, Read read, Format format) {
  std::vector<Bar> bars;
  for (const auto& variant : record.variants) {
    if (&variant == cast.dense && !read(variant)) continue;
    Bar bar{
        .label = variant.label, .segments = {}, .shown = {}, .low = {}, .high = {}, .strong = &variant == cast.subject};
    if (const auto value = read(variant)) {
      bar.shown = format(*value);
      bar.segments = {{*value, fill_of(variant, cast), variant.label + ": " + bar.shown}};
    }
    bars.push_back(std::move(bar));
  }
  return bars;
}

/// A card with a bar for each variant; none if the record has no such number.
void add_card(std::vector<Html>& into, const Record& record, const std::string& title, const Html& note, Read read,
              Format format) {
  if (std::ranges::none_of(record.variants, [&](const Variant& variant) { return read(variant).has_value(); })) return;
  into.push_back(card(title, note, bar_chart(title, bars_by_variant(record, cast_of(record), read, format))));
}

std::string equality_statement(const Record& record, const Cast& cast) {
  if (cast.subject == nullptr || cast.rival == nullptr) return {};
  if (!cast.subject->sparsity || !cast.rival->sparsity) return {};
  const auto ours = format_percent(*cast.subject->sparsity);
  if (same_sparsity(*cast.subject, *cast.rival))
    return fmt::format(
        "{} and {} are compared at equal effective sparsity: {} of the {} weights of the blocks’ linear "
        "matrices are zero.",
        cast.subject->label, cast.rival->label, ours, format_or_nothing(record.model.planned_weights, millions));
  return fmt::format(
      "Not at equal effective sparsity: {} has {}, {} has {}. The perplexities do not answer which "
      "choice of patterns is better.",
      cast.subject->label, ours, cast.rival->label, format_percent(*cast.rival->sparsity));
}

/// Where no front was asked for, nothing is interpolated, and sizes differ.
std::string bytes_statement(const Record& record, const Cast& cast) {
  if (!record.pareto.equal.empty() || cast.subject == nullptr || !cast.subject->stored_bytes) return {};
  for (const auto& baseline : record.baselines)
    if (baseline.name == "dense-4bit" && baseline.stored_bytes)
      return fmt::format(
          " Stored bytes are not equal: {} takes {}, {} {}; --pareto holds them against each other at equal bytes.",
          cast.subject->label, format_size(*cast.subject->stored_bytes), baseline.label,
          format_size(*baseline.stored_bytes));
  return {};
}

}  // namespace

Html title_section(const Record& record) {
  std::string title = record.model.name;
  const Variant* subject = cast_of(record).subject;
  if (record.request.sparsity)
    title += " at " + format_round_percent(*record.request.sparsity) + " sparsity";
  else if (subject && subject->sparsity)
    title += " at " + format_percent(*subject->sparsity) + " sparsity";
  if (!record.request.arch.empty()) title += " on " + record.request.arch;
  Html facts;
  for (const auto& fact : facts_of(record)) facts += element("li", {}, fact);
  return element("header", {}, element("p", {{"class", "over"}}, "sparsecim codesign"), element("h1", {}, title),
                 element("ul", {{"class", "facts"}}, facts));
}

Html verdict_section(const Record& record) {
  const Verdict verdict = verdict_of(record);
  Html sentences;
  for (const auto& sentence : verdict.sentences) sentences += element("li", {}, sentence);
  Html list = sentences.empty() ? sentences : element("ul", {}, sentences);
  if (!verdict.least_flattering.empty()) list += element("p", {{"class", "least"}}, verdict.least_flattering);
  return element("section", {{"id", "verdict"}, {"class", tone_class(verdict.tone)}},
                 element("h2", {{"class", "over"}}, "Verdict"), element("p", {{"class", "headline"}}, verdict.headline),
                 list) += draw_tiles(record);
}

Html models_section(const Record& record) {
  if (record.variants.empty())
    return section("models", "Models side by side", {}, element("p", {{"class", "none"}}, "No model was evaluated."));
  const Cast cast = cast_of(record);
  std::vector<Html> charts;
  add_card(
      charts, record, "Perplexity", "Lower is better.", [](const Variant& v) { return v.quality.perplexity; },
      format_perplexity);
  add_card(
      charts, record, "KL divergence from dense", "Nats per token; lower is better.",
      [](const Variant& v) { return v.quality.kl_divergence; }, format_loss);
  add_card(
      charts, record, "Stored size", "Kept weights and their positions.",
      [](const Variant& v) { return v.stored_bytes; }, format_size);
  return section("models", "Models side by side", equality_statement(record, cast) + bytes_statement(record, cast),
                 models_table(record, cast) += cards(charts));
}

}  // namespace sparsecim::report

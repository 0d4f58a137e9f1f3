// What was done and how to do it again.
#include <algorithm>

#include "base/progress.hpp"
#include "report/parts.hpp"
#include "report/sections.hpp"
#include "report/svg.hpp"
#include "report/units.hpp"

namespace sparsecim::report {
namespace {

/// A list of names and values; what is empty is left out.
class Facts {
 public:
  void add(const Html& name, const std::string& value) {
    if (!value.empty()) content_ += element("div", {}, element("dt", {}, name), element("dd", {}, value));
  }
  void add(const Html& name, const Number& value) {
    if (value) add(name, format_number(*value));
  }
  Html list() const { return content_.empty() ? content_ : element("dl", {{"class", "facts"}}, content_); }

 private:
  Html content_;
};

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

/// "calibration.txt: 32 samples of 512 tokens, 16,384 tokens"
std::string describe(const Text& text) {
  std::vector<std::string> details;
  if (text.samples)
    details.push_back(format_number(*text.samples) + " samples" +
                      (text.length ? " of " + format_number(*text.length) + " tokens" : ""));
  if (text.tokens) details.push_back(format_number(*text.tokens) + " tokens");
  if (text.context) details.push_back("context " + format_number(*text.context));
  const auto list = joined(details);
  return text.text.empty() || list.empty() ? text.text + list : text.text + ": " + list;
}

Html request_facts(const Record& record) {
  const auto& request = record.request;
  Facts facts;
  facts.add(term("sparsity", "Sparsity asked for"), request.sparsity ? format_round_percent(*request.sparsity) : "");
  facts.add("Method", request.method);
  facts.add(term("pattern", "Patterns allowed"), joined(request.options));
  facts.add("A pattern for each", request.granularity);
  facts.add(term("share", "Outlier threshold (tau)"), request.tau);
  facts.add(term("calibration", "Calibration"), describe(request.calibration));
  facts.add(term("perplexity", "Evaluation"), describe(request.evaluation));
  facts.add("Machine", request.arch);
  facts.add("Baseline machine", request.baseline_arch);
  facts.add(term("macro", "Macros of each"), request.macros);
  facts.add("Seed", record.provenance.seed.value_or(""));
  return facts.list();
}

Html model_facts(const Record& record) {
  const auto& model = record.model;
  Facts facts;
  facts.add("Model", model.name);
  facts.add("Architecture", model.architecture);
  facts.add("Stored as", model.source_storage);
  facts.add("Parameters", model.parameters);
  facts.add(term("sparsity", "Planned weights"), model.planned_weights);
  facts.add("Blocks", model.layers);
  facts.add("Hidden size", model.hidden_size);
  facts.add("Heads", model.heads);
  facts.add("Key/value heads", model.kv_heads);
  facts.add("Vocabulary", model.vocabulary);
  return facts.list();
}

std::string format_stage(double seconds) { return format_seconds(seconds); }

void add_stage_card(std::vector<Html>& into, const Record& record) {
  if (record.stages.empty()) return;
  double total = 0;
  std::vector<Bar> bars;
  for (const auto& stage : record.stages) {
    Bar bar;
    bar.label = stage.name;
    bar.shown = format_stage(stage.seconds);
    bar.segments = {{stage.seconds, "var(--subject)", stage.name + ": " + bar.shown}};
    bars.push_back(std::move(bar));
    total += stage.seconds;
  }
  std::string note = "Together " + format_stage(total);
  if (!record.machine.cpu.empty()) note += " on " + record.machine.cpu;
  if (record.machine.threads)
    note +=
        fmt::format(", {} thread{}", format_number(*record.machine.threads), *record.machine.threads == 1 ? "" : "s");
  into.push_back(card("Where the time went", note + ".", bar_chart("Seconds by stage", bars)));
}

/// Quoted for a POSIX shell if it has to be.
std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) || std::string_view("_-./:,=+@%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string quoted;
  for (const char c : word)
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  return fmt::format("'{}'", quoted);
}

/// Options are scalars or lists of them; what is nested deeper is none of ours.
std::string scalar(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_structured() ? std::string() : value.dump();
}

std::string option_value(const Json& value) {
  if (!value.is_array()) return scalar(value);
  std::vector<std::string> words;
  for (const auto& element : value) words.push_back(scalar(element));
  return fmt::format("{}", fmt::join(words, ","));
}

bool absent(const Json& value) { return value.is_null() || value.is_object() || value == false || value == ""; }

std::string flag_of(const std::string& key) {
  if (key == "output") return "-o";
  std::string flag = fmt::format("--{}", key);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

Html inputs_table(const Provenance& provenance) {
  if (provenance.inputs.empty()) return {};
  std::vector<TableRow> rows;
  for (const auto& input : provenance.inputs)
    rows.push_back(
        {{input.path, element("code", {{"class", "hash"}}, input.sha256.empty() ? kNothing : input.sha256)}});
  return table("", {"Input", "SHA-256"}, rows);
}

}  // namespace

std::string command_of(const Provenance& provenance) {
  if (!provenance.command.empty()) return provenance.command;
  if (provenance.verb.empty()) return {};
  std::string command = "sparsecim " + shell_word(provenance.verb);
  if (!provenance.options.is_object()) return command;
  if (has(provenance.options, "model")) command += " " + shell_word(option_value(provenance.options["model"]));
  for (const auto& [key, value] : provenance.options.items()) {
    if (key == "model" || absent(value)) continue;
    command += " " + shell_word(flag_of(key));
    if (value != true) command += " " + shell_word(option_value(value));
  }
  return command;
}

Html request_section(const Record& record) {
  std::vector<Html> all;
  if (auto facts = request_facts(record); !facts.empty()) all.push_back(card("Request", {}, facts));
  if (auto facts = model_facts(record); !facts.empty()) all.push_back(card("Model", {}, facts));
  add_stage_card(all, record);
  return section("done", "What was done", {}, cards(all));
}

Html repeat_section(const Record& record) {
  const auto command = command_of(record.provenance);
  if (command.empty() && record.provenance.inputs.empty()) return {};
  Html content;
  if (!command.empty()) content += element("pre", {{"tabindex", "0"}}, element("code", {}, command));
  content += inputs_table(record.provenance);
  const auto& version = record.provenance.version;
  return section("repeat", "How to repeat it",
                 version.empty()
                     ? Html()
                     : Html("With sparsecim " + version +
                            " and the same inputs, the numbers on this page come out again, but for the times."),
                 content);
}

Html notes_section(const Record& record) {
  Html items;
  for (const auto& note : record.notes) items += element("li", {}, note);
  return items.empty() ? items : section("notes", "Notes and caveats", {}, element("ul", {{"class", "notes"}}, items));
}

}  // namespace sparsecim::report

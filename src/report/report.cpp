#include "report/report.hpp"

#include "report/page.hpp"
#include "report/sections.hpp"

namespace sparsecim {
namespace {

using report::element;
using report::Html;

struct Part {
  const char* id;
  const char* name;
  Html content;
};

Html contents(const std::vector<Part>& parts) {
  Html links;
  for (const auto& part : parts)
    if (!part.content.empty()) links += element("a", {{"href", fmt::format("#{}", part.id)}}, part.name);
  return element("nav", {{"aria-label", "Contents"}}, links);
}

Html body(const report::Record& record) {
  const std::vector<Part> parts = {
      {"models", "Models", models_section(record)},       {"pareto", "Pareto front", pareto_section(record)},
      {"hardware", "Hardware", hardware_section(record)}, {"patterns", "Patterns", patterns_section(record)},
      {"done", "What was done", request_section(record)}, {"repeat", "Repeat", repeat_section(record)},
      {"notes", "Notes", notes_section(record)},          {"terms", "Words", report::terms_section()}};
  Html content = title_section(record);
  content += verdict_section(record);
  content += contents(parts);
  for (const auto& part : parts) content += part.content;
  return content;
}

}  // namespace

Result<std::string> render_report(const Json& json) {
  SC_TRY_ASSIGN(const report::Record record, report::record_from_json(json));
  return report::page(record.model.name + ", sparsecim report", body(record));
}

}  // namespace sparsecim

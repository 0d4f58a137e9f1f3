// record.json: a page and a text come of it, both or neither, and whatever its names hold is text in them.

#include "base/check.hpp"
#include "report/report.hpp"
#include "report/test_markup.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void record(std::string_view input) {
  const auto json = parse_json(input);
  if (!json) return;
  const auto page = render_report(*json);
  const auto text = render_report_text(*json);
  SC_CHECK(page.has_value() == text.has_value());
  if (!page) return;
  const std::string complaint = test_markup::complaint(*page);
  if (!complaint.empty()) std::fprintf(stderr, "%s\n", complaint.c_str());
  SC_CHECK(complaint.empty());
  for (const char c : *text) SC_CHECK(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace sparsecim::fuzz

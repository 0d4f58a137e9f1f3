#include "report/parts.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace sparsecim::report {

Html section(const char* id, const std::string& title, const Html& lede, const Html& content) {
  const Html introduction = lede.empty() ? Html() : element("p", {{"class", "lede"}}, lede);
  return element("section", {{"id", id}}, element("h2", {}, title), introduction, content);
}

Html card(const std::string& title, const Html& note, const Html& chart) {
  const Html remark = note.empty() ? Html() : element("p", {{"class", "note"}}, note);
  return element("div", {{"class", "card"}}, element("h3", {}, title), remark, chart);
}

Html wide_card(const std::string& title, const Html& text) {
  return element("div", {{"class", "card wide"}}, element("h3", {}, title), text);
}

Html cards(const std::vector<Html>& content, bool aligned) {
  Html all;
  for (const auto& one : content) all += one;
  return all.empty() ? all : element("div", {{"class", aligned ? "cards aligned" : "cards"}}, all);
}

Html table(const std::string& caption, const std::vector<Html>& titles, const std::vector<TableRow>& rows) {
  Html head, body;
  for (const auto& title : titles) head += element("th", {{"scope", "col"}}, title);
  for (const auto& row : rows) {
    SC_CHECK(row.cells.size() == titles.size());
    Html cells = element("th", {{"scope", "row"}}, row.cells.front());
    for (std::size_t i = 1; i < row.cells.size(); ++i) cells += element("td", {}, row.cells[i]);
    body += element("tr", {{"class", row.strong ? "strong" : ""}}, cells);
  }
  const Html title = caption.empty() ? Html() : element("caption", {}, caption);
  return element(
      "div", {{"class", "scroll"}, {"tabindex", "0"}},
      element("table", {}, title, element("thead", {}, element("tr", {}, head)), element("tbody", {}, body)));
}

Html with_remark(const std::string& value, const std::string& remark) {
  Html html = value;
  if (!remark.empty()) html += element("small", {}, remark);
  return html;
}

std::string fill_of(const Variant& variant, const Cast& cast) {
  if (&variant == cast.subject) return "var(--subject)";
  if (&variant == cast.dense) return "var(--dense)";
  return &variant == cast.rival ? "var(--rival)" : "var(--other)";
}

Html legend(const std::vector<LegendEntry>& entries) {
  Html items;
  for (const auto& entry : entries)
    items += element("li", {}, element("i", {{"style", fmt::format("background:{}", entry.fill)}}, ""), entry.name);
  return entries.empty() ? items : element("ul", {{"class", "legend"}}, items);
}

}  // namespace sparsecim::report

#include "report/html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/printable.hpp"

namespace sparsecim::report {
namespace {

std::string_view escaped(std::string_view glyph) {
  if (glyph == "&") return "&amp;";
  if (glyph == "<") return "&lt;";
  if (glyph == ">") return "&gt;";
  if (glyph == "\"") return "&quot;";
  if (glyph == "'") return "&#39;";
  return glyph;
}

std::string escape(std::string_view plain) {
  std::string spaced(plain);
  std::ranges::replace_if(spaced, [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  std::string text;
  text.reserve(spaced.size());
  for (const auto& glyph : glyphs(spaced)) text += escaped(glyph.bytes);
  return text;
}

bool closes_itself(std::string_view tag) {
  static constexpr std::array<std::string_view, 7> kTags = {"meta", "link", "br", "rect", "line", "circle", "path"};
  return std::ranges::find(kTags, tag) != kTags.end();
}

}  // namespace

Html::Html(std::string_view plain) : text_(escape(plain)) {}

Html Html::trusted(std::string_view markup) {
  Html html;
  html.text_ = markup;
  return html;
}

Html element_of(std::string_view tag, Attributes attributes, const Html& content) {
  std::string text = fmt::format("<{}", tag);
  for (const auto& [key, value] : attributes)
    if (!value.empty()) text += fmt::format(" {}=\"{}\"", key, escape(value));
  if (content.empty() && closes_itself(tag)) return Html::trusted(text + "/>");
  return Html::trusted(fmt::format("{}>{}</{}>", text, content.str(), tag));
}

}  // namespace sparsecim::report

#include "cli/help.hpp"

#include <sstream>

namespace sparsecim {
namespace {

constexpr std::size_t kNameColumn = 27, kHelpWidth = 100;

}  // namespace

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  std::string text;
  if (option->get_type_size() != 0 && !option->get_type_name().empty()) text += " " + option->get_type_name();
  if (!option->get_default_str().empty()) text += "=" + option->get_default_str();
  return text;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string text = "  " + make_option_name(option, is_positional) + (is_positional ? "" : make_option_opts(option));
  std::size_t column = text.size();
  if (column + 1 > kNameColumn) {
    text += "\n";
    column = 0;
  }
  text.append(kNameColumn - column, ' ');
  column = kNameColumn;
  std::istringstream words(make_option_desc(option));
  for (std::string word; words >> word;) {
    if (column + word.size() + 1 > kHelpWidth && column > kNameColumn) {
      text += "\n" + std::string(kNameColumn, ' ');
      column = kNameColumn;
    }
    text += (column > kNameColumn ? " " : "") + word;
    column += word.size() + (column > kNameColumn ? 1 : 0);
  }
  return text + "\n";
}

}  // namespace sparsecim

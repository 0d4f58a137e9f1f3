#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sparsecim {

/// Help that fits a terminal of 100 columns: descriptions are wrapped beside the options' names.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
};

}  // namespace sparsecim

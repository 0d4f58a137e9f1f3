// config.json: any JSON must give a checked configuration or an error.

#include "checkpoint/config.hpp"

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void config(std::string_view input) {
  const auto json = parse_json(input);
  if (!json) return;
  const auto read = config_from_json(*json);
  if (!read) return;
  SC_CHECK(config_from_json(to_json(*read)).value() == *read);
  SC_CHECK(checked(*read).value() == *read);
}

}  // namespace sparsecim::fuzz

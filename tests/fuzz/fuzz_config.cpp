// config.json: any bytes give a checked configuration or an error.

#include "base/check.hpp"
#include "checkpoint/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparsecim;
  const auto json = parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto config = config_from_json(*json);
  if (config) SC_CHECK(config_from_json(to_json(*config)).value() == *config);
  return 0;
}

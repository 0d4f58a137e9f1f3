#include "base/provenance.hpp"

#include "base/hash.hpp"

namespace sparsecim {

std::string_view version() { return SPARSECIM_VERSION; }

Result<Json> provenance(const std::string& verb, Json options, const std::vector<std::filesystem::path>& inputs,
                        std::optional<std::uint64_t> seed) {
  SC_TRY_ASSIGN(const std::vector<std::string> hashes, sha256_files(inputs));
  Json files = Json::array();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    files.push_back({{"path", inputs[i].string()}, {"sha256", hashes[i]}});
  Json record = {
      {"sparsecim", version()}, {"verb", verb}, {"options", std::move(options)}, {"inputs", std::move(files)}};
  if (seed) record["seed"] = *seed;
  return record;
}

}  // namespace sparsecim

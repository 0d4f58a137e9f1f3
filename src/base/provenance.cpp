#include "base/provenance.hpp"

#include "base/hash.hpp"

namespace sparsecim {

std::string_view version() { return SPARSECIM_VERSION; }

Result<Json> provenance(const std::string& verb, Json options, const std::vector<std::filesystem::path>& inputs,
                        std::optional<std::uint64_t> seed) {
  Json hashes = Json::array();
  for (const auto& input : inputs) {
    SC_TRY_ASSIGN(const std::string hash, sha256_file(input));
    hashes.push_back({{"path", input.string()}, {"sha256", hash}});
  }
  Json record = {
      {"sparsecim", version()}, {"verb", verb}, {"options", std::move(options)}, {"inputs", std::move(hashes)}};
  if (seed) record["seed"] = *seed;
  return record;
}

}  // namespace sparsecim

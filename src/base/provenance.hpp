#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace sparsecim {

/// The version of this build, "0.1.0".
std::string_view version();

/// What every result file carries so that it can be repeated exactly: the verb, its resolved options, version, seed and
/// the SHA-256 of each input file. Errors: an input that cannot be read.
Result<Json> provenance(const std::string& verb, Json options, const std::vector<std::filesystem::path>& inputs,
                        std::optional<std::uint64_t> seed = std::nullopt);

}  // namespace sparsecim

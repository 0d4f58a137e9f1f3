#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/machine.hpp"
#include "hardware/parameters.hpp"

namespace sparsecim {

/// A kind of machine: what `machine:` of a description may say, and who reads the rest of it.
struct MachineKind {
  std::string_view name;
  Result<std::unique_ptr<Machine>> (*make)(const std::string& path, const std::vector<Setting>& settings);
};

/// Declared once in a machine's own folder, it makes the kind known: nothing else needs to change.
///   const RegisteredKind kVegeta{"vegeta", make_vegeta};
class RegisteredKind {
 public:
  RegisteredKind(std::string_view name, decltype(MachineKind::make) make);
};

/// All registered kinds, by name.
std::span<const MachineKind> machine_kinds();

}  // namespace sparsecim

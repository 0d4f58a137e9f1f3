#include <algorithm>
#include <filesystem>

#include "base/embedded.hpp"
#include "base/file.hpp"
#include "hardware/machine_kinds.hpp"
#include "hardware/simulate.hpp"

namespace sparsecim {
namespace {

constexpr std::uint64_t kLargestDescription_bytes = 1 << 20;

/// Filled while the program starts, before main.
std::vector<MachineKind>& registry() {
  static std::vector<MachineKind> kinds;
  return kinds;
}

std::string kind_names() {
  std::string names;
  for (const MachineKind& kind : machine_kinds()) names += (names.empty() ? "" : " | ") + std::string(kind.name);
  return names;
}

void override_setting(std::vector<Setting>& settings, const Setting& override) {
  const auto given = std::ranges::find(settings, override.key, &Setting::key);
  if (given != settings.end())
    *given = override;
  else
    settings.push_back(override);
}

Result<std::vector<Setting>> parse_description(const std::string& path, const std::string& text,
                                               const std::vector<Setting>& overrides) {
  SC_TRY_ASSIGN(auto settings, parse_settings(path, text));
  for (const Setting& override : overrides) override_setting(settings, override);
  return settings;
}

Result<std::unique_ptr<Machine>> make_machine(const std::string& path, const std::vector<Setting>& settings) {
  const Setting* kind = find_setting(settings, "machine");
  if (!kind) return fail(Remedy{"allowed: " + kind_names()}, "{}: 'machine' is missing", path);
  for (const MachineKind& known : machine_kinds())
    if (kind->values.size() == 1 && !kind->list && kind->values.front() == known.name)
      return known.make(path, settings);
  return fail(Remedy{"allowed: " + kind_names()}, "{}: unknown machine '{}'", kind->place,
              kind->values.empty() ? "" : kind->values.front());
}

const EmbeddedFile* find_embedded(std::string_view name) {
  const std::string path = "arch/" + std::string(name) + ".yaml";
  for (const EmbeddedFile& file : embedded_files())
    if (file.path == path) return &file;
  return nullptr;
}

Result<std::string> read_description_text(std::string_view name_or_path) {
  if (const EmbeddedFile* file = find_embedded(name_or_path)) return std::string(file->content);
  const std::filesystem::path path(name_or_path);
  std::error_code unreadable;  // a name too long is no file either
  if (!std::filesystem::exists(path, unreadable))
    return fail(Remedy{fmt::format("name a YAML file or one of {}", fmt::join(machine_names(), ", "))},
                "no machine '{}'", name_or_path);
  return read_text_file(path, kLargestDescription_bytes);
}

}  // namespace

RegisteredKind::RegisteredKind(std::string_view name, decltype(MachineKind::make) make) {
  std::vector<MachineKind>& kinds = registry();
  kinds.insert(std::ranges::upper_bound(kinds, name, {}, &MachineKind::name), {name, make});
}

std::span<const MachineKind> machine_kinds() { return registry(); }

std::vector<std::string> machine_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_files())
    if (file.path.starts_with("arch/"))
      names.emplace_back(file.path.substr(5, file.path.size() - 5 - std::string_view(".yaml").size()));
  return names;
}

Result<DescriptionSettings> read_description(std::string_view name_or_path, const std::vector<Setting>& overrides) {
  SC_TRY_ASSIGN(const std::string text, read_description_text(name_or_path));
  const bool embedded = find_embedded(name_or_path) != nullptr;
  DescriptionSettings description{embedded ? fmt::format("arch/{}.yaml", name_or_path) : std::string(name_or_path), {}};
  SC_TRY_ASSIGN(description.settings, parse_description(description.path, text, overrides));
  return description;
}

Result<MachineDescription> open_machine(std::string_view name_or_path, const std::vector<Setting>& overrides) {
  SC_TRY_ASSIGN(const DescriptionSettings description, read_description(name_or_path, overrides));
  SC_TRY_ASSIGN(std::unique_ptr<Machine> machine, make_machine(description.path, description.settings));
  return MachineDescription{std::string(name_or_path), std::move(machine)};
}

Result<MachineDescription> parse_machine(const std::string& path, const std::string& text,
                                         const std::vector<Setting>& overrides) {
  SC_TRY_ASSIGN(const std::vector<Setting> settings, parse_description(path, text, overrides));
  SC_TRY_ASSIGN(std::unique_ptr<Machine> machine, make_machine(path, settings));
  return MachineDescription{path, std::move(machine)};
}

}  // namespace sparsecim

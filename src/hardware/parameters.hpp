#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// One setting of a machine description: a scalar, or a list of scalars, with its place in the file.
struct Setting {
  std::string key;  // "macro.rows"
  std::vector<std::string> values;
  bool list = false;
  std::string place;  // "arch/flexcim.yaml:4:9"
};

/// Flattens the nested maps of a YAML file into settings. Errors (with place): not YAML, duplicate keys, anything but
/// maps, scalars and lists of scalars, nesting deeper than three.
Result<std::vector<Setting>> parse_settings(const std::string& path, const std::string& text);

const Setting* find_setting(const std::vector<Setting>& settings, std::string_view key);

/// Puts the place in the file in front of an error that starts with the key that it is about ("sub_macros: 3 does not
/// ..."): that of the key, or the file where the key has its default.
Result<void> within_setting(const std::string& path, const std::vector<Setting>& settings, Result<void> result);

/// A parameter of a machine, declared once: reading, checking, defaulting, showing and explaining follow from it.
template <class Target>
struct Parameter {
  std::string key;
  std::string allowed;                  // "1 .. 4096", "on_chip | resident | dram"
  std::string help;                     // with its unit
  std::optional<std::string> fallback;  // absent: the file must give it
  std::function<Result<void>(Target&, const Setting&)> read;
  std::function<Json(const Target&)> show;
};

namespace detail {
Result<std::int64_t> read_integer(const Setting& setting, std::int64_t low, std::int64_t high);
Result<double> read_number(const Setting& setting, double low, double high);
Result<std::size_t> read_choice(const Setting& setting, const std::vector<std::string>& names);
Result<std::vector<Pattern>> read_patterns(const Setting& setting);
Json show_patterns(const std::vector<Pattern>& patterns);
std::string join_choices(const std::vector<std::string>& names);
/// Errors: a setting that no parameter declares, with the nearest one.
Result<void> refuse_unknown(const std::vector<Setting>& settings, const std::vector<std::string>& keys);
}  // namespace detail

/// What declares a parameter: its key, its unit and meaning, its default (none: required).
struct Declaration {
  std::string key;
  std::string help;
  std::optional<std::string> fallback = {};
};

/// `access` returns a reference to the value inside a Target&.
template <class Target, class Access>
Parameter<Target> integer_parameter(const Declaration& declaration, std::int64_t low, std::int64_t high,
                                    Access access) {
  return {declaration.key,
          fmt::format("{} .. {}", low, high),
          declaration.help,
          declaration.fallback,
          [=](Target& target, const Setting& setting) -> Result<void> {
            SC_TRY_ASSIGN(access(target), detail::read_integer(setting, low, high));
            return {};
          },
          [=](const Target& target) { return Json(access(const_cast<Target&>(target))); }};
}

template <class Target, class Access>
Parameter<Target> number_parameter(const Declaration& declaration, double low, double high, Access access) {
  return {declaration.key,
          fmt::format("{} .. {}", low, high),
          declaration.help,
          declaration.fallback,
          [=](Target& target, const Setting& setting) -> Result<void> {
            SC_TRY_ASSIGN(access(target), detail::read_number(setting, low, high));
            return {};
          },
          [=](const Target& target) { return Json(access(const_cast<Target&>(target))); }};
}

/// One of `names`; the value is the enumerator of the same position.
template <class Target, class Access>
Parameter<Target> choice_parameter(const Declaration& declaration, const std::vector<std::string>& names,
                                   Access access) {
  return {
      declaration.key,
      detail::join_choices(names),
      declaration.help,
      declaration.fallback,
      [=](Target& target, const Setting& setting) -> Result<void> {
        SC_TRY_ASSIGN(const std::size_t position, detail::read_choice(setting, names));
        access(target) = static_cast<std::remove_reference_t<decltype(access(target))>>(position);
        return {};
      },
      [=](const Target& target) { return Json(names[static_cast<std::size_t>(access(const_cast<Target&>(target)))]); }};
}

template <class Target, class Access>
Parameter<Target> patterns_parameter(const Declaration& declaration, Access access) {
  return {declaration.key,
          "a list of N:M and dense",
          declaration.help,
          declaration.fallback,
          [=](Target& target, const Setting& setting) -> Result<void> {
            SC_TRY_ASSIGN(access(target), detail::read_patterns(setting));
            return {};
          },
          [=](const Target& target) { return detail::show_patterns(access(const_cast<Target&>(target))); }};
}

/// Reads every parameter from `settings`. Errors: unknown and missing keys, values out of range, each with its place
/// and what is allowed. `keys` are read by somebody else.
template <class Target>
Result<Target> read_parameters(const std::vector<Parameter<Target>>& parameters, const std::string& path,
                               const std::vector<Setting>& settings, std::vector<std::string> keys = {"machine"}) {
  for (const auto& parameter : parameters) keys.push_back(parameter.key);
  SC_TRY(detail::refuse_unknown(settings, keys));
  Target target;
  for (const auto& parameter : parameters) {
    const Setting* given = find_setting(settings, parameter.key);
    if (!given && !parameter.fallback)
      return fail(Remedy{fmt::format("add it; allowed: {}", parameter.allowed)}, "{}: '{}' is missing ({})", path,
                  parameter.key, parameter.help);
    SC_TRY(parameter.read(target, given ? *given : Setting{parameter.key, {*parameter.fallback}, false, "default"}));
  }
  return target;
}

/// The resolved parameters, for result files.
template <class Target>
Json show_parameters(const std::vector<Parameter<Target>>& parameters, const Target& target) {
  Json json = Json::object();
  for (const auto& parameter : parameters) json[parameter.key] = parameter.show(target);
  return json;
}

}  // namespace sparsecim

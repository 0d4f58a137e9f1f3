#include "hardware/parameters.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/nearest.hpp"

namespace sparsecim {
namespace {

constexpr int kDeepest = 3;

std::string place_of(const std::string& path, const YAML::Mark& mark) {
  return mark.is_null() ? path : fmt::format("{}:{}:{}", path, mark.line + 1, mark.column + 1);
}

class Flattener {
 public:
  explicit Flattener(const std::string& path) : path_(path) {}

  Result<void> add_map(const YAML::Node& map, const std::string& prefix, int depth) {
    if (depth > kDeepest) return fail("{}: maps are nested too deeply", place_of(path_, map.Mark()));
    for (const auto& entry : map) {
      const std::string place = place_of(path_, entry.first.Mark());
      if (!entry.first.IsScalar()) return fail("{}: a key must be a word", place);
      SC_TRY(add(prefix + entry.first.Scalar(), place, entry.second, depth));
    }
    return {};
  }
  std::vector<Setting> take() { return std::move(settings_); }

 private:
  Result<void> add(const std::string& key, const std::string& place, const YAML::Node& value, int depth) {
    if (find_setting(settings_, key) || std::ranges::find(maps_, key) != maps_.end())
      return fail(Remedy{"keep one of them"}, "{}: '{}' is given twice", place, key);
    if (value.IsMap()) {
      maps_.push_back(key);
      return add_map(value, key + ".", depth + 1);
    }
    Setting setting{key, {}, value.IsSequence(), place};
    if (value.IsScalar()) setting.values = {value.Scalar()};
    if (value.IsSequence())
      for (const auto& element : value) {
        if (!element.IsScalar()) return fail("{}: '{}' must be a list of plain values", place, key);
        setting.values.push_back(element.Scalar());
      }
    settings_.push_back(std::move(setting));
    return {};
  }

  const std::string& path_;
  std::vector<Setting> settings_;
  std::vector<std::string> maps_;
};

/// The only value of a setting that is no list.
Result<std::string> single_value(const Setting& setting) {
  if (setting.list || setting.values.size() != 1)
    return fail("{}: '{}' must have one value", setting.place, setting.key);
  return setting.values.front();
}

template <class Number>
std::optional<Number> whole_number_of(const std::string& text) {
  Number value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Number>
Result<Number> read_in_range(const Setting& setting, Number low, Number high) {
  SC_TRY_ASSIGN(const std::string text, single_value(setting));
  const std::optional<Number> value = whole_number_of<Number>(text);
  if (!value || !(*value >= low && *value <= high))
    return fail(Remedy{fmt::format("allowed: {} .. {}", low, high)}, "{}: '{}' is '{}'", setting.place, setting.key,
                text);
  return *value;
}

}  // namespace

Result<std::vector<Setting>> parse_settings(const std::string& path, const std::string& text) {
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return fail(Remedy{"see docs/formats/machines.md"}, "{}: no machine description", path);
    Flattener flattener(path);
    SC_TRY(flattener.add_map(root, "", 1));
    return flattener.take();
  } catch (const YAML::Exception& error) {
    return fail("{}: not valid YAML: {}", place_of(path, error.mark), error.msg);
  }
}

const Setting* find_setting(const std::vector<Setting>& settings, std::string_view key) {
  const auto found = std::ranges::find(settings, key, &Setting::key);
  return found == settings.end() ? nullptr : &*found;
}

Result<void> within_setting(const std::string& path, const std::vector<Setting>& settings, Result<void> result) {
  if (result) return result;
  const std::string_view what = result.error().what;
  const Setting* about = find_setting(settings, what.substr(0, what.find(':')));
  return within(about ? about->place : path, std::move(result));
}

namespace detail {

Result<std::int64_t> read_integer(const Setting& setting, std::int64_t low, std::int64_t high) {
  return read_in_range(setting, low, high);
}

Result<double> read_number(const Setting& setting, double low, double high) {
  return read_in_range(setting, low, high);
}

Result<std::size_t> read_choice(const Setting& setting, const std::vector<std::string>& names) {
  SC_TRY_ASSIGN(const std::string text, single_value(setting));
  const auto found = std::ranges::find(names, text);
  if (found == names.end())
    return fail(Remedy{"allowed: " + join_choices(names)}, "{}: '{}' is '{}'", setting.place, setting.key, text);
  return static_cast<std::size_t>(found - names.begin());
}

Result<std::vector<Pattern>> read_patterns(const Setting& setting) {
  std::vector<Pattern> patterns;
  for (const std::string& text : setting.values) {
    const auto pattern = parse_pattern(text);
    if (!pattern)
      return within(fmt::format("{}: '{}'", setting.place, setting.key),
                    Result<std::vector<Pattern>>(tl::unexpected(pattern.error())));
    if (std::ranges::find(patterns, *pattern) != patterns.end())
      return fail("{}: '{}' names {} twice", setting.place, setting.key, text);
    patterns.push_back(*pattern);
  }
  if (patterns.empty()) return fail(Remedy{"name at least one"}, "{}: '{}' is empty", setting.place, setting.key);
  return patterns;
}

Json show_patterns(const std::vector<Pattern>& patterns) {
  Json json = Json::array();
  for (const Pattern pattern : patterns) json.push_back(pattern.name());
  return json;
}

std::string join_choices(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, " | ")); }

Result<void> refuse_unknown(const std::vector<Setting>& settings, const std::vector<std::string>& keys) {
  for (const Setting& setting : settings) {
    if (std::ranges::find(keys, setting.key) != keys.end()) continue;
    return fail(Remedy{fmt::format("the nearest is '{}'; all: {}", nearest(setting.key, keys, 1).front(),
                                   fmt::join(keys, ", "))},
                "{}: unknown key '{}'", setting.place, setting.key);
  }
  return {};
}

}  // namespace detail
}  // namespace sparsecim

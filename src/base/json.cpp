#include "base/json.hpp"

#include <cmath>
#include <unordered_set>

#include "base/file.hpp"

namespace sparsecim {
namespace {

constexpr std::size_t kDeepest = 64;  // arrays and objects within each other; our files need fewer than ten

/// Builds a Json while refusing what the library's own builder lets pass: repeated keys, of which it keeps the last,
/// and any depth. It also takes linear time: ordered_json looks for each new key among all others, which takes a
/// tokenizer's 50,000 tokens more than a second.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(Json& root) : root_(root) {}
  const std::string& problem() const { return problem_; }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }  // not in JSON text
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& value) override {
    key_ = std::move(value);
    return open_.back().keys.insert(key_).second || stop(fmt::format("the key '{}' is there twice", key_));
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    constexpr int kOutOfRange = 406;  // the library's number for it
    return stop(error.id == kOutOfRange ? "not valid JSON: a number is out of range"
                                        : fmt::format("not valid JSON at byte {}", position));
  }

 private:
  struct Container {
    Json* value;
    std::unordered_set<std::string> keys;
  };

  /// Puts `value` where the text has it; the address holds until the container around it gets another member.
  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Json& container = *open_.back().value;
    if (container.is_array()) return &container.get_ref<Json::array_t&>().emplace_back(std::move(value));
    Json::object_t::Container& members = container.get_ref<Json::object_t&>();
    return &members.emplace_back(std::move(key_), std::move(value)).second;
  }
  bool add(Json value) { return place(std::move(value)) != nullptr; }
  bool open(Json container) {
    if (open_.size() == kDeepest) return stop(fmt::format("more than {} levels of brackets", kDeepest));
    open_.push_back({place(std::move(container)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  Json& root_;
  std::vector<Container> open_;
  std::string key_, problem_;
};

Result<const Json*> member(const Json& object, const std::string& key) {
  if (!object.is_object()) return fail("'{}' is looked for in something that is not an object", key);
  const auto found = object.find(key);
  if (found == object.end()) return fail("'{}' is missing", key);
  return &*found;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  Json value;
  Builder builder(value);
  if (!Json::sax_parse(text, &builder)) return fail("{}", builder.problem());
  return value;
}

Result<Json> read_json_file(const std::filesystem::path& path) {
  SC_TRY_ASSIGN(const std::string text, read_text_file(path));
  return within(path.string(), parse_json(text));
}

Result<void> write_json_file(const std::filesystem::path& path, const Json& value) {
  return write_text_file(path, value.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<std::int64_t> get_integer(const Json& object, const std::string& key, std::int64_t low, std::int64_t high) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_number_integer()) return fail("'{}' is not a whole number", key);
  const bool too_large =
      value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = too_large ? INT64_MAX : value->get<std::int64_t>();
  if (too_large || number < low || number > high)
    return fail("'{}' is {}, outside {} .. {}", key, value->dump(), low, high);
  return number;
}

Result<double> get_number(const Json& object, const std::string& key) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_number()) return fail("'{}' is not a number", key);
  const double number = value->get<double>();
  if (!std::isfinite(number)) return fail("'{}' is not finite", key);
  return number;
}

Result<bool> get_bool(const Json& object, const std::string& key) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_boolean()) return fail("'{}' is neither true nor false", key);
  return value->get<bool>();
}

Result<std::string> get_string(const Json& object, const std::string& key) {
  SC_TRY_ASSIGN(const Json* value, member(object, key));
  if (!value->is_string()) return fail("'{}' is not a string", key);
  return value->get<std::string>();
}

bool has(const Json& object, const std::string& key) {
  if (!object.is_object()) return false;
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

}  // namespace sparsecim

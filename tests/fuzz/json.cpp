// JSON: what is accepted is written back as the same value; keys are looked up whatever they hold.

#include "base/json.hpp"

#include <cmath>

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {
namespace {

void look_up_everything(const Json& value) {
  if (!value.is_structured()) return;
  for (const auto& [key, member] : value.items()) {
    if (const auto integer = get_integer(value, key, -9, 9)) SC_CHECK(*integer >= -9 && *integer <= 9);
    if (const auto number = get_number(value, key)) SC_CHECK(std::isfinite(*number));
    SC_CHECK(get_bool(value, key).has_value() == (value.is_object() && member.is_boolean()));
    SC_CHECK(get_string(value, key).has_value() == (value.is_object() && member.is_string()));
    look_up_everything(member);
  }
}

}  // namespace

void json(std::string_view input) {
  const auto value = parse_json(input);
  if (!value) return;
  const auto again = parse_json(value->dump());
  SC_CHECK(again && *again == *value);
  look_up_everything(*value);
}

}  // namespace sparsecim::fuzz

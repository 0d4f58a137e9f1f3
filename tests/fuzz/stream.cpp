// Command streams for analog arrays, text and binary: what is accepted is valid, can be timed, and survives both forms.

#include "base/check.hpp"
#include "hardware/analog/schedule.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void stream(std::string_view input) {
  const auto read = parse_stream(input);
  if (!read) return;
  SC_CHECK(validate(*read));
  for (const std::string& written : {to_text(*read), to_binary(*read)}) {
    const auto again = parse_stream(written);
    SC_CHECK(again && *again == *read);
  }
  if (read->arrays > 4096) return;
  const StreamTime time = time_of(*read, {.read = 3, .per_bit = 2});
  for (const std::int64_t busy : time.busy) SC_CHECK(busy >= 0 && busy <= time.total);
}

}  // namespace sparsecim::fuzz

// statistics.json.

#include "sparsity/statistics.hpp"

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void statistics(std::string_view input) {
  const auto json = parse_json(input);
  if (!json) return;
  const auto read = statistics_from_json(*json);
  if (!read) return;
  for (const MatrixStatistics& matrix : read->matrices) {
    const InputStatistics& input_statistics = read->inputs.at(static_cast<std::size_t>(matrix.input));
    SC_CHECK(static_cast<std::int64_t>(input_statistics.column_norms().size()) == matrix.n_in);
    SC_CHECK(read->find(matrix.name) == &matrix);
  }
  const Json written = to_json(*read);
  const auto again = statistics_from_json(written);
  SC_CHECK(again && to_json(*again) == written);
}

}  // namespace sparsecim::fuzz

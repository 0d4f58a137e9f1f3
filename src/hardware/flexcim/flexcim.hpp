#pragma once

#include <memory>

#include "hardware/dcim/machine.hpp"
#include "hardware/flexcim/pair_select.hpp"

namespace sparsecim {

/// FlexCiM (arXiv 2504.14365): a digital compute-in-memory macro split along its rows into P sub-macros, whose cells
/// choose their input within blocks of M, so that N:M sparse weights fill it densely.
struct FlexcimParameters {
  MacroArray array;               // array.sub_macros is P
  std::vector<Pattern> patterns;  // none: all_patterns
  bool any_n = false;             // blocks may begin anywhere in a column, not only at a row position's first sub-macro
  PairSelectKind pair_select = PairSelectKind::kBitserialPerCell;
  std::int64_t columns_per_cycle = 1;
  std::int64_t columns_per_group = 32;
  SystemParameters system;
};

const std::vector<Parameter<FlexcimParameters>>& flexcim_parameters();

/// Errors: sizes that contradict each other, or a pattern that the macro has no multiplexers or rows for.
Result<void> validate(const FlexcimParameters& parameters);

/// The settings of a description whose kind is flexcim, `path`. Errors: as read_parameters; another kind; sizes that
/// contradict each other.
Result<FlexcimParameters> read_flexcim(const std::string& path, const std::vector<Setting>& settings);

/// Errors: as read_flexcim.
Result<std::unique_ptr<Machine>> make_flexcim(const std::string& path, const std::vector<Setting>& settings);

/// Inputs of a pass: the N kept weights of a block lie at one row position of N sub-macros, so a row position holds
/// floor(P/N) blocks; for N > P a block takes ceil(N/P) row positions. With `any_n` blocks follow each other without
/// gaps: floor(rows/N).
std::int64_t flexcim_inputs_per_pass(std::int64_t rows, std::int64_t sub_macros, Pattern pattern, bool any_n = false);

/// What P sub-macros run: dense, and N:M of powers of two with M <= 2 P (a pair per multiplexer) and N <= P; with
/// `any_n` every N < M.
std::vector<Pattern> all_patterns(std::int64_t sub_macros, bool any_n);

}  // namespace sparsecim

#include "prune/imported.hpp"

#include <algorithm>
#include <numeric>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "prune/prune.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

LinearShape shape_of(const PlannedMatrix& matrix) { return {.name = {}, .n_out = matrix.n_out, .n_in = matrix.n_in}; }

/// Every N:M of these M.
std::vector<Pattern> every_pattern() {
  std::vector<Pattern> patterns;
  for (const int m : {2, 4, 8, 16})
    for (int n = 1; n < m; ++n) patterns.push_back({n, m});
  return patterns;
}

/// That no group of M weights keeps more than the pattern allows.
Result<void> check_mask(std::span<const std::uint8_t> keep, std::int64_t n_in, Pattern pattern) {
  for (std::size_t row = 0; row * static_cast<std::size_t>(n_in) < keep.size(); ++row)
    for (std::int64_t j = 0; j < n_in; j += pattern.m) {
      const auto width = std::min<std::int64_t>(pattern.m, n_in - j);
      const auto group = keep.subspan(row * static_cast<std::size_t>(n_in) + static_cast<std::size_t>(j),
                                      static_cast<std::size_t>(width));
      const int kept = std::accumulate(group.begin(), group.end(), 0),
                most = kept_of_group(pattern, static_cast<int>(width));
      if (kept > most)
        return fail(Remedy{"leave the pattern out to take what the masks have"},
                    "row {}, inputs {} .. {}: the mask keeps {}, {} at most {}", row, j, j + width - 1, kept,
                    pattern.name(), most);
    }
  return {};
}

/// The masks of the matrices of one block, held against their patterns.
Result<std::map<std::string, at::Tensor>> masks_of_block(std::span<const PlannedMatrix> block,
                                                         const ImportedMasks& masks) {
  std::map<std::string, at::Tensor> kept;
  for (const PlannedMatrix& matrix : block) {
    at::Tensor keep = at::empty({matrix.n_out, matrix.n_in}, at::kByte);
    const std::span<std::uint8_t> all(keep.data_ptr<std::uint8_t>(), static_cast<std::size_t>(keep.numel()));
    SC_TRY(masks.read(matrix.name, shape_of(matrix), all));
    SC_TRY(within(matrix.name, check_mask(all, matrix.n_in, matrix.pattern)));
    kept.emplace(matrix.name + ".weight", keep);
  }
  return kept;
}

}  // namespace

Result<Plan> plan_of_masks(Plan dense, const ImportedMasks& masks) {
  static const std::vector<Pattern> kPatterns = every_pattern();
  Plan plan = std::move(dense);
  plan.method = "imported";
  std::int64_t kept = 0;
  for (PlannedMatrix& matrix : plan.matrices) {
    SC_TRY(check_interrupt());
    std::vector<std::uint8_t> keep(static_cast<std::size_t>(matrix.weights()));
    SC_TRY(masks.read(matrix.name, shape_of(matrix), keep));
    const std::vector<float> values(keep.begin(), keep.end());
    const ZeroStatistics statistics = zero_statistics(values, matrix.n_in, kPatterns);
    matrix.pattern = statistics.sparsest();
    kept += statistics.weights - statistics.zeros;
  }
  plan.requested_sparsity = plan.sparsity();
  plan.notes.push_back(fmt::format("the masks keep {} weights, their patterns have room for {}", format_count(kept),
                                   format_count(plan.kept())));
  return plan;
}

Result<void> prune_by_masks(const Plan& plan, const ImportedMasks& masks, PruneOutput& output) {
  const ModelConfig& config = output.source().config();
  SC_TRY(require_dense(config, "cannot be pruned"));
  SC_TRY(check_plan(plan, config));
  Progress progress("pruning", config.n_layers, "blocks");
  progress.skip(output.finished_blocks());
  for (std::int64_t i = output.finished_blocks(); i < config.n_layers; ++i) {
    SC_TRY(check_interrupt());
    std::vector<PlannedMatrix> block;
    for (const LinearShape& linear : block_linears(config)) block.push_back(*plan.find(matrix_name(i, linear.name)));
    SC_TRY_ASSIGN(const auto kept, output.made(guarded([&] { return masks_of_block(block, masks); })));
    SC_TRY(output.write(kept, Change::kZeros));
    output.save({});
    progress.advance(1);
  }
  return output.commit();
}

}  // namespace sparsecim

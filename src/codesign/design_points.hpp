#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "codesign/candidate.hpp"

namespace sparsecim {

/// The points of the Pareto front: the dense model and its roundings, the models of the record, and the plans of
/// job.pareto that are not among these, one at a time in a directory beside them.
struct DesignPoints {
  std::vector<DesignPoint> points;
  std::size_t subject = 0;         // the model of the requested method
  std::vector<std::string> notes;  // plans that cannot be had
};
/// `statistics`: null where no method of job.pareto needs them. REQUIRES: job.pareto. Errors: those of the stages.
Result<DesignPoints> make_design_points(const OpenModel& dense, const CodesignJob& job, const Statistics* statistics,
                                        const std::vector<Variant>& variants, const std::vector<Baseline>& baselines,
                                        const std::filesystem::path& directory, Stages& stages);

}  // namespace sparsecim

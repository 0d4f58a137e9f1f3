#pragma once

#include <cstdint>

#include "base/json.hpp"
#include "codesign/pipeline.hpp"

namespace sparsecim {

/// What a record says of the request beside the job: names and sizes of the texts.
struct RecordContext {
  std::string calibration_text, evaluation_text;
  std::int64_t calibration_samples = 0, calibration_length = 0, evaluation_context = 0;
};

/// record.json (docs/formats/record.md): every number of the run, and all that the report shows.
Json make_record(const OpenModel& dense, const CodesignJob& job, const CodesignResult& result,
                 const RecordContext& context);

}  // namespace sparsecim

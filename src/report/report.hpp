#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"

namespace sparsecim {

/// The page for people of a run record (docs/formats/record.md): one self-contained HTML file. It loads nothing, reads
/// without scripts, in light and dark, on a phone and on paper. The record may be one read back from record.json.
/// Errors: the record has another schema, lacks a required key or has a value of the wrong type; the key is named.
Result<std::string> render_report(const Json& record);

/// The same record as a summary for a terminal: the verdict and the tables, in lines of at most 100 columns as far as
/// the labels allow. Errors: as above.
Result<std::string> render_report_text(const Json& record);

}  // namespace sparsecim

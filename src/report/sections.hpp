#pragma once

#include "report/html.hpp"
#include "report/record.hpp"

// The sections of the page, in reading order. Each says for itself what it cannot show where the record has no numbers;
// an empty Html means that there is nothing to say at all.
namespace sparsecim::report {

Html title_section(const Record& record);
Html verdict_section(const Record& record);
Html models_section(const Record& record);
/// What can be had for which size, latency and energy; empty where the record has no front.
Html pareto_section(const Record& record);
Html hardware_section(const Record& record);
Html patterns_section(const Record& record);
Html request_section(const Record& record);
Html repeat_section(const Record& record);
Html notes_section(const Record& record);
Html terms_section();

/// The command line that repeats the run.
std::string command_of(const Provenance& provenance);

/// A word that links to its definition in terms_section(). REQUIRES: `name` is defined there.
Html term(const char* name, const std::string& words);

}  // namespace sparsecim::report

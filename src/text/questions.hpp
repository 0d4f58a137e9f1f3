#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// Benchmarks that ask what follows a text.
enum class Task {
  kHellaSwag,  // which of four endings (arXiv 1905.07830)
  kLambada,    // the last word of a passage (arXiv 1606.06031)
};
/// "hellaswag", "lambada".
std::string_view name(Task task);
/// Errors: another name.
Result<Task> parse_task(std::string_view name);

/// One item of a task.
struct Question {
  std::string context;
  std::vector<std::string> continuations;  // as they follow the context, without the space between; LAMBADA: one
  std::size_t answer = 0;                  // the index of the right one
};

/// The items of a task's file, UTF-8 (docs/formats/tasks.md). HellaSwag: JSON objects with `ctx_a`, `ctx_b`,
/// `activity_label`, `endings` and `label`, one in a line, prepared as lm-evaluation-harness does; or six lines each,
/// already prepared: context, index of the right ending, four endings. LAMBADA: JSON objects with `text`, one in a
/// line; the last word is what follows its last space. Errors, with the line: not UTF-8, not JSON, a key or line that
/// is missing, empty or of another type, a label out of range, a text of one word; no item at all.
Result<std::vector<Question>> questions_from_text(Task task, std::string_view text);
/// Errors also: the file's; the path is in front of each.
Result<std::vector<Question>> read_questions(Task task, const std::filesystem::path& file);

}  // namespace sparsecim

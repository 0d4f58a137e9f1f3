// The file of a task: HellaSwag as lines or as JSON, LAMBADA.

#include "text/questions.hpp"

#include "base/check.hpp"
#include "targets.hpp"
#include "text/utf8.hpp"

namespace sparsecim::fuzz {

void questions(std::string_view input) {
  for (const Task task : {Task::kHellaSwag, Task::kLambada}) {
    const auto items = questions_from_text(task, input);
    if (!items) continue;
    SC_CHECK(!items->empty());
    for (const Question& question : *items) {
      SC_CHECK(question.continuations.size() == (task == Task::kHellaSwag ? 4 : 1));
      SC_CHECK(question.answer < question.continuations.size() && !strip_white_space(question.context).empty());
      for (const std::string& text : question.continuations)
        SC_CHECK(!strip_white_space(text).empty() && valid_utf8_prefix(text) == text.size());
    }
  }
}

}  // namespace sparsecim::fuzz

#include "text/questions.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>

#include "base/file.hpp"
#include "base/json.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

constexpr std::size_t kEndings = 4;
constexpr std::size_t kPlainLines = 2 + kEndings;  // of an item that is not JSON

/// The lines of `text`, without their ends (a carriage return in front of it belongs to it) and without empty ones at
/// the end of the text.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!lines.empty() && strip_white_space(lines.back()).empty()) lines.pop_back();
  return lines;
}

Result<std::string> text_in(std::string_view what, std::string_view text) {
  if (strip_white_space(text).empty()) return fail("{} is empty", what);
  return std::string(text);
}

Result<std::size_t> label_in(std::string_view text) {
  std::size_t label = kEndings;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), label);
  if (error != std::errc() || end != text.data() + text.size() || label >= kEndings)
    return fail("'{}' is not the index of an ending, 0 .. {}", text.substr(0, 40), kEndings - 1);
  return label;
}

/// An error of line `index`, counted from 0.
template <class T>
Result<T> in_line(std::size_t index, Result<T> result) {
  return within(fmt::format("line {}", index + 1), std::move(result));
}

/// As str.capitalize() of Python: the first letter as in titles, all others small.
std::string capitalised(std::string_view text) {
  std::string result;
  for (bool first = true; !text.empty(); first = false) {
    const CodePoint next = first_code_point(text);
    const auto point = static_cast<utf8proc_int32_t>(next.value);
    result += to_utf8(static_cast<char32_t>(first ? utf8proc_totitle(point) : utf8proc_tolower(point)));
    text.remove_prefix(next.bytes);
  }
  return result;
}

/// Without what stands in brackets, as re.sub("\\[.*?\\]", "") of Python: brackets do not reach over lines.
std::string without_brackets(std::string_view text) {
  std::string result;
  for (bool kept = true; !text.empty(); kept = !kept) {
    const std::size_t end = std::min(text.find_first_of(kept ? "[" : "]\n"), text.size());
    const bool closed = end < text.size() && text[end] == ']';
    if (kept || !closed) result += text.substr(0, end);  // up to a bracket; or from one that nothing closes in its line
    text.remove_prefix(closed ? end + 1 : end);
  }
  return result;
}

/// What WikiHow's articles left in the texts is taken away (lm-evaluation-harness, lm_eval/tasks/hellaswag/utils.py).
std::string prepared(std::string_view text) {
  const std::string titled = replace_all(strip_white_space(text), " [title]", ". ");
  return replace_all(without_brackets(titled), "  ", " ");
}

Result<std::size_t> label_of(const Json& json) {
  if (has(json, "label") && json["label"].is_number_integer()) return label_in(json["label"].dump());
  SC_TRY_ASSIGN(const std::string label, get_string(json, "label"));
  return label_in(label);
}

Result<Question> hellaswag_item(std::string_view line) {
  SC_TRY_ASSIGN(const Json json, parse_json(line));
  SC_TRY_ASSIGN(const std::string activity, get_string(json, "activity_label"));
  SC_TRY_ASSIGN(const std::string begin, get_string(json, "ctx_a"));
  SC_TRY_ASSIGN(const std::string end, get_string(json, "ctx_b"));
  Question question;
  SC_TRY_ASSIGN(question.context, text_in("the context", prepared(activity + ": " + begin + " " + capitalised(end))));
  SC_TRY_ASSIGN(question.answer, label_of(json));
  if (!json.contains("endings") || !json["endings"].is_array() || json["endings"].size() != kEndings)
    return fail("'endings' is not a list of {}", kEndings);
  for (const Json& ending : json["endings"]) {
    if (!ending.is_string()) return fail("'endings' holds something that is not a string");
    SC_TRY_ASSIGN(std::string text, text_in("an ending", prepared(ending.get_ref<const std::string&>())));
    question.continuations.push_back(std::move(text));
  }
  return question;
}

Result<Question> lambada_item(std::string_view line) {
  SC_TRY_ASSIGN(const Json json, parse_json(line));
  SC_TRY_ASSIGN(const std::string text, get_string(json, "text"));
  const std::size_t space = text.rfind(' ');
  if (space == std::string::npos) return fail("'text' has no space in front of a last word");
  Question question;
  SC_TRY_ASSIGN(question.context, text_in("what stands in front of the last word", text.substr(0, space)));
  SC_TRY_ASSIGN(std::string word, text_in("the last word", text.substr(space + 1)));
  question.continuations.push_back(std::move(word));
  return question;
}

/// Item by item, one in a line.
Result<std::vector<Question>> json_items_of(const std::vector<std::string_view>& lines,
                                            Result<Question> (*item)(std::string_view)) {
  std::vector<Question> questions;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SC_TRY_ASSIGN(Question question, in_line(i, item(lines[i])));
    questions.push_back(std::move(question));
  }
  return questions;
}

/// HellaSwag in six lines each.
Result<std::vector<Question>> plain_items_of(const std::vector<std::string_view>& lines) {
  std::vector<Question> questions;
  for (std::size_t i = 0; i < lines.size(); i += kPlainLines) {
    if (lines.size() - i < kPlainLines)
      return fail("line {}: the item that begins here has {} lines, not {}", i + 1, lines.size() - i, kPlainLines);
    Question question;
    SC_TRY_ASSIGN(question.context, in_line(i, text_in("the context", lines[i])));
    SC_TRY_ASSIGN(question.answer, in_line(i + 1, label_in(strip_white_space(lines[i + 1]))));
    for (std::size_t k = i + 2; k < i + kPlainLines; ++k) {
      SC_TRY_ASSIGN(std::string ending, in_line(k, text_in("the ending", lines[k])));
      question.continuations.push_back(std::move(ending));
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

Result<void> check_text(std::string_view text) {
  if (text.starts_with("BZh") || text.starts_with("\x1F\x8B"))
    return fail(Remedy{"unpack it with bunzip2 or gunzip"}, "the file is compressed");
  const std::size_t valid = valid_utf8_prefix(text);
  if (valid == text.size()) return {};
  return fail(Remedy{"convert the file to UTF-8"}, "line {}: byte {} of the file is not UTF-8",
              std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(valid), '\n') + 1, valid);
}

}  // namespace

std::string_view name(Task task) { return task == Task::kHellaSwag ? "hellaswag" : "lambada"; }

Result<Task> parse_task(std::string_view text) {
  for (const Task task : {Task::kHellaSwag, Task::kLambada})
    if (text == name(task)) return task;
  return fail(Remedy{"use hellaswag or lambada"}, "unknown task '{}'", text);
}

Result<std::vector<Question>> questions_from_text(Task task, std::string_view text) {
  SC_TRY(check_text(text));
  const std::vector<std::string_view> lines = lines_of(text);
  if (lines.empty()) return fail(Remedy{"give the task's file"}, "there is no question");
  if (task == Task::kLambada) return json_items_of(lines, lambada_item);
  return lines[0].starts_with('{') ? json_items_of(lines, hellaswag_item) : plain_items_of(lines);
}

Result<std::vector<Question>> read_questions(Task task, const std::filesystem::path& file) {
  SC_TRY_ASSIGN(const std::string text, read_text_file(file));
  return within(file.string(), questions_from_text(task, text));
}

}  // namespace sparsecim

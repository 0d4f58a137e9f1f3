#include "text/questions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kPlain = "Jump: A boy runs. he\n2\nflies.\nsits.\nlands.\nsleeps.\n";

std::string complaint(Task task, const std::string& text) {
  const auto refused = questions_from_text(task, text);
  return refused ? "" : refused.error().line();
}

/// A HellaSwag item in JSON.
std::string item(const std::string& label, const std::string& first_ending = "runs.") {
  return R"({"ind": 4, "activity_label": "Jump", "ctx_a": "A boy [substeps] is here.", "ctx_b": "the Boy", "endings": [")" +
         first_ending + R"(", "sits.", "a [title] b", "sleeps."], "label": )" + label + "}\n";
}

TEST(Questions, OfHellaSwagInSixLinesAreTakenAsTheyStand) {
  const auto questions = questions_from_text(Task::kHellaSwag, std::string(kPlain) + kPlain + "\n\n");
  ASSERT_TRUE(questions) << questions.error().line();
  ASSERT_EQ(questions->size(), 2u);
  EXPECT_EQ(questions->at(1).context, "Jump: A boy runs. he");
  EXPECT_EQ(questions->at(1).answer, 2u);
  EXPECT_THAT(questions->at(1).continuations, ElementsAre("flies.", "sits.", "lands.", "sleeps."));
}

TEST(Questions, OfHellaSwagInJsonAreCleanedAndCapitalisedAsTheHarnessDoes) {
  const auto questions = questions_from_text(Task::kHellaSwag, item("\"3\"") + item("1"));
  ASSERT_TRUE(questions) << questions.error().line();
  EXPECT_EQ(questions->at(0).context, "Jump: A boy is here. The boy");
  EXPECT_THAT(questions->at(0).continuations, ElementsAre("runs.", "sits.", "a. b", "sleeps."));
  EXPECT_EQ(questions->at(0).answer, 3u);
  EXPECT_EQ(questions->at(1).answer, 1u);
}

TEST(Questions, OfLambadaEndBeforeTheWordBehindTheLastSpace) {
  const auto questions = questions_from_text(Task::kLambada, "{\"text\": \"One  two\\nthree four.\"}\r\n");
  ASSERT_TRUE(questions) << questions.error().line();
  EXPECT_EQ(questions->at(0).context, "One  two\nthree");
  EXPECT_THAT(questions->at(0).continuations, ElementsAre("four."));
}

TEST(Questions, ThatAreNoneNameTheLineThatIsWrong) {
  const std::string plain = kPlain;
  EXPECT_THAT(complaint(Task::kHellaSwag, plain + "c\n4\na\nb\nc\nd\n"), StartsWith("line 8: '4' is not the index"));
  EXPECT_THAT(complaint(Task::kHellaSwag, plain + "c\n-1\na\nb\nc\nd\n"), StartsWith("line 8: '-1'"));
  EXPECT_THAT(complaint(Task::kHellaSwag, plain + "c\n1\na\n \nc\nd\n"), StartsWith("line 10: the ending is empty"));
  EXPECT_THAT(complaint(Task::kHellaSwag, plain + "c\n1\na\n"), StartsWith("line 7: the item that begins here has 3"));
  EXPECT_THAT(complaint(Task::kHellaSwag, item("1") + "{"), StartsWith("line 2: not valid JSON"));
  EXPECT_THAT(complaint(Task::kHellaSwag, item("1") + item("9")), StartsWith("line 2: '9' is not the index"));
  EXPECT_THAT(complaint(Task::kHellaSwag, item("1.5")), StartsWith("line 1: 'label'"));
  EXPECT_THAT(complaint(Task::kHellaSwag, item("1", "[x]")), StartsWith("line 1: an ending is empty"));
  EXPECT_THAT(complaint(Task::kHellaSwag, "{}"), StartsWith("line 1: 'activity_label' is missing"));
  EXPECT_THAT(complaint(Task::kLambada, "{\"text\": \"a b\"}\n\n{\"text\": \"a b\"}"), StartsWith("line 2: not valid"));
  EXPECT_THAT(complaint(Task::kLambada, "{\"text\": \"word\"}"), StartsWith("line 1: 'text' has no space"));
  EXPECT_THAT(complaint(Task::kLambada, "{\"text\": \"a word \"}"), StartsWith("line 1: the last word is empty"));
  EXPECT_THAT(complaint(Task::kLambada, "{\"text\": \" word\"}"), StartsWith("line 1: what stands in front"));
  EXPECT_THAT(complaint(Task::kLambada, "{\"text\": 3}"), StartsWith("line 1: 'text'"));
}

TEST(Questions, OfFilesThatAreNotTextAreRefused) {
  EXPECT_THAT(complaint(Task::kLambada, " \n\n"), StartsWith("there is no question"));
  EXPECT_THAT(complaint(Task::kLambada, "BZh91AY"), HasSubstr("unpack it with bunzip2"));
  EXPECT_THAT(complaint(Task::kHellaSwag, "a\n1\nb\xFF\n"), StartsWith("line 3: byte 5 of the file is not UTF-8"));
  const auto path = std::filesystem::path(testing::TempDir()) / "questions.jsonl";
  std::ofstream(path) << "[1]\n";
  EXPECT_THAT(read_questions(Task::kLambada, path).error().what, HasSubstr("questions.jsonl: line 1: "));
}

TEST(Questions, AreOfTasksThatHaveAName) {
  EXPECT_EQ(parse_task("lambada").value(), Task::kLambada);
  EXPECT_EQ(parse_task("hellaswag").value(), Task::kHellaSwag);
  EXPECT_THAT(parse_task("boolq").error().line(), HasSubstr("use hellaswag or lambada"));
}

}  // namespace
}  // namespace sparsecim

#include "evaluate/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/random_checkpoint.hpp"
#include "evaluate/letter_tokenizer.hpp"

namespace sparsecim {
namespace {

using testing::HasSubstr;

/// A byte is a token, with the BOS in front where the vocabulary says so.
class SpelledOut : public LetterTokenizer {
 public:
  explicit SpelledOut(bool add_bos) : LetterTokenizer(add_bos), vocabulary_(LetterTokenizer::vocabulary()) {
    vocabulary_.add_bos = add_bos;
  }
  static TokenId id_of(char c) { return 1 + static_cast<unsigned char>(c) % 49; }
  Result<std::vector<TokenId>> encode(std::string_view text) const override {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(id_of(c));
    return ids;
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
};

class Tasks : public testing::Test {
 protected:
  static Llama random_model(std::uint64_t seed = 1) {
    return Llama::load(RandomCheckpoint(RandomCheckpoint::tiny(), seed), {}).value();
  }
  TaskResult ask(Task task, const std::vector<Question>& questions, bool bos = true,
                 std::int64_t wave_bytes = 1 << 30) const {
    auto result = evaluate_task(model_, SpelledOut(bos), task, questions, wave_bytes);
    EXPECT_TRUE(result) << result.error().line();
    return result.value();
  }

  /// log p of the last letters of `text` and whether each is the likeliest, token by token, each from a pass of its
  /// own.
  std::pair<double, bool> plainly(const std::string& text, std::size_t letters, bool bos) const {
    std::vector<TokenId> ids = SpelledOut(bos).encode(text).value();
    if (bos) ids.insert(ids.begin(), 0);
    double sum = 0;
    bool likeliest = true;
    for (std::size_t t = ids.size() - letters; t < ids.size(); ++t) {
      const std::vector<std::int64_t> before(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(t));
      const at::Tensor hidden = model_.forward(at::tensor(before, at::kLong).unsqueeze(0)).value();
      const at::Tensor logits = model_.logits(hidden)[0][-1].to(at::kDouble);
      sum += (logits[ids[t]] - logits.logsumexp(0)).item<double>();
      likeliest = likeliest && logits.argmax().item<std::int64_t>() == ids[t];
    }
    return {sum, likeliest};
  }

  const c10::InferenceMode no_gradients_;
  const Llama model_ = random_model();
  const std::vector<Question> choices_ = {{"abc", {"d", "eeee", "fgfg", "h"}, 1},
                                          {"zyxwvut", {"abcdef", "b", "c", "d"}, 0},
                                          {"q", {"aa", "bb", "cc", "dd"}, 3}};
};

TEST_F(Tasks, ScoreEveryContinuationByTheTokensBehindItsContextAlone) {
  for (const bool bos : {true, false}) {
    const TaskResult result = ask(Task::kHellaSwag, choices_, bos);
    for (std::size_t q = 0; q < choices_.size(); ++q)
      for (std::size_t c = 0; c < 4; ++c) {
        const std::string& ending = choices_[q].continuations[c];
        const auto [sum, likeliest] = plainly(choices_[q].context + " " + ending, ending.size() + 1, bos);
        EXPECT_NEAR(result.answers[q].log_likelihoods[c], sum, 1e-4) << q << " " << c;
        EXPECT_EQ(result.answers[q].likeliest[c], likeliest);
      }
  }
}

TEST_F(Tasks, TakeTheLikeliestEndingAndTheLikeliestPerCharacter) {
  const TaskResult result = ask(Task::kHellaSwag, choices_);
  double right = 0, right_by_length = 0;
  for (std::size_t q = 0; q < choices_.size(); ++q) {
    std::size_t best = 0, best_by_length = 0;
    const auto& sums = result.answers[q].log_likelihoods;
    const auto per_letter = [&](std::size_t c) {
      return sums[c] / static_cast<double>(choices_[q].continuations[c].size());
    };
    for (std::size_t c = 1; c < 4; ++c) {
      if (sums[c] > sums[best]) best = c;
      if (per_letter(c) > per_letter(best_by_length)) best_by_length = c;
    }
    right += best == choices_[q].answer;
    right_by_length += best_by_length == choices_[q].answer;
  }
  EXPECT_DOUBLE_EQ(result.accuracy.value, right / 3);
  EXPECT_DOUBLE_EQ(result.by_length->value, right_by_length / 3);
  EXPECT_NE(right, right_by_length) << "the questions do not tell the two apart";
  EXPECT_FALSE(result.perplexity);
}

TEST_F(Tasks, CountCharactersAndNotBytes) {
  // Of three bytes each: by bytes the first ending would win, having the most of them.
  const TaskResult result = ask(Task::kHellaSwag, {{"abc", {"漢漢漢漢漢漢", "a", "b", "c"}, 0}});
  const auto& sums = result.answers[0].log_likelihoods;
  const double others = std::max({sums[1], sums[2], sums[3]});
  ASSERT_GT(sums[0] / 18, others);
  ASSERT_LT(sums[0] / 6, others);
  EXPECT_EQ(result.by_length->value, 0);
}

TEST_F(Tasks, GiveTheStandardErrorOfTheMean) {
  const TaskResult all = ask(Task::kHellaSwag, choices_);
  const double p = all.accuracy.value;  // of n yes-or-no values: sqrt(p (1 - p) / (n - 1))
  EXPECT_NEAR(all.accuracy.standard_error.value(), std::sqrt(p * (1 - p) / 2), 1e-12);
  const TaskResult one = ask(Task::kHellaSwag, {choices_[0]});
  EXPECT_FALSE(one.accuracy.standard_error);
  EXPECT_FALSE(to_json(one).contains("accuracy_stderr"));
}

TEST_F(Tasks, OfLastWordsAreRightWhereEveryTokenIsTheLikeliest) {
  std::vector<Question> questions;
  for (const char letter : {'a', 'b', 'c', 'd'}) questions.push_back({std::string("some text ") + letter, {"x"}, 0});
  for (Question& question : questions) {  // but for one the likeliest token, so that some answers may be right
    const auto best = [&](const std::string& text) {
      std::vector<std::int64_t> ids = {0};
      for (const char c : text) ids.push_back(SpelledOut::id_of(c));
      const at::Tensor hidden = model_.forward(at::tensor(ids, at::kLong).unsqueeze(0)).value();
      return model_.logits(hidden)[0][-1].argmax().item<std::int64_t>();
    };
    for (char c = 'A'; c < 'A' + 49; ++c)
      if (question.context.back() != 'd' && SpelledOut::id_of(c) == best(question.context + " "))
        question.continuations[0] = std::string(1, c);
  }
  const TaskResult result = ask(Task::kLambada, questions);
  double nats = 0, right = 0;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto [sum, likeliest] = plainly(questions[q].context + " " + questions[q].continuations[0], 2, true);
    EXPECT_EQ(result.answers[q].likeliest[0], likeliest);
    nats -= sum;
    right += likeliest;
  }
  EXPECT_DOUBLE_EQ(result.accuracy.value, right / 4);
  EXPECT_NEAR(result.perplexity->value, std::exp(nats / 4), 1e-3 * std::exp(nats / 4));
  EXPECT_FALSE(result.by_length);
}

TEST_F(Tasks, InManyWavesAreThoseInOne) {
  std::vector<Question> many;
  for (int i = 0; i < 300; ++i) many.push_back(choices_[static_cast<std::size_t>(i % 3)]);
  const TaskResult one = ask(Task::kHellaSwag, many), waves = ask(Task::kHellaSwag, many, true, /*wave_bytes=*/1);
  EXPECT_EQ(one.accuracy.value, waves.accuracy.value);
  for (std::size_t q = 0; q < many.size(); ++q)
    for (std::size_t c = 0; c < 4; ++c)
      EXPECT_NEAR(one.answers[q].log_likelihoods[c], ask(Task::kHellaSwag, {many[q]}).answers[0].log_likelihoods[c],
                  1e-4);
}

TEST_F(Tasks, CutTheBeginningOfAContextThatIsLongerThanTheModel) {
  const auto positions = static_cast<std::size_t>(model_.config().max_positions);
  const std::string shared(positions - 1, 'k');  // with the ending's two tokens as many inputs as there are positions
  const TaskResult fits = ask(Task::kHellaSwag, {{shared, {"a", "b", "c", "d"}, 0}}, false);
  const TaskResult cut = ask(Task::kHellaSwag, {{"ab" + shared, {"a", "b", "c", "d"}, 0}}, false);
  EXPECT_EQ(fits.cut, 0);
  EXPECT_EQ(cut.cut, 1);
  EXPECT_NEAR(fits.answers[0].log_likelihoods[1], cut.answers[0].log_likelihoods[1], 1e-5);
}

TEST_F(Tasks, OfWhatCannotBeScoredAreRefusedByTheirNumber) {
  const SpelledOut tokenizer(false);
  const auto line = [&](const std::vector<Question>& questions) {
    const auto refused = evaluate_task(model_, tokenizer, Task::kLambada, questions);
    return refused ? "" : refused.error().line();
  };
  EXPECT_THAT(line({}), HasSubstr("no question"));
  EXPECT_THAT(line({choices_[0], {"a", {std::string(40, 'b')}, 0}}), HasSubstr("question 2: a continuation of 41"));
  EXPECT_THAT(line({{"", {"b"}, 0}}), HasSubstr("question 1: the context has no token"));
}

TEST_F(Tasks, OfAModelWithBrokenWeightsAreRefused) {
  RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  checkpoint.values("model.layers.0.mlp.down_proj.weight")[5] = std::nanf("");
  const Llama broken = Llama::load(checkpoint, {}).value();
  const auto refused = evaluate_task(broken, SpelledOut(true), Task::kHellaSwag, choices_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("not finite"));
}

}  // namespace
}  // namespace sparsecim

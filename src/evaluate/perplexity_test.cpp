#include "evaluate/perplexity.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/random_checkpoint.hpp"
#include "evaluate/letter_tokenizer.hpp"
#include "model/flexcim_arithmetic.hpp"

namespace sparsecim {
namespace {

Corpus stream(const std::string& text) { return corpus_from_text(text, {}).value(); }
Corpus documents(const std::string& text) { return corpus_from_text(text, "|").value(); }

TEST(Sequences, WithoutASplitAreWholeWindowsOfTheStreamAndTheRestIsLeft) {
  const auto sequences = make_sequences(LetterTokenizer(true), stream("abcdefghij"), {.context = 4}).value();
  ASSERT_EQ(sequences.size(), 2u);
  EXPECT_EQ(sequences[1], (Sequence{5, 6, 7, 8}));
  EXPECT_EQ(predicted_tokens(sequences), 6);
}

TEST(Sequences, OfDocumentsStandBehindBosAndAreCutAfterTheContext) {
  const auto sequences = make_sequences(LetterTokenizer(true), documents(" abcdef |  | b\n|"), {.context = 3}).value();
  ASSERT_EQ(sequences.size(), 2u);
  EXPECT_EQ(sequences[0], (Sequence{0, 1, 2, 3}));
  EXPECT_EQ(sequences[1], (Sequence{0, 2}));
}

TEST(Sequences, WithoutABosLeaveTheFirstTokenUnscored) {
  const auto sequences = make_sequences(LetterTokenizer(false), documents("abc|d"), {.context = 8}).value();
  ASSERT_EQ(sequences.size(), 1u) << "a document of one token predicts nothing";
  EXPECT_EQ(predicted_tokens(sequences), 2);
}

TEST(Sequences, StopAtTheMostTokensAndDocuments) {
  const LetterTokenizer tokenizer(true);
  EXPECT_EQ(predicted_tokens(make_sequences(tokenizer, documents("abc|def|g"), {.max_tokens = 5}).value()), 5);
  EXPECT_EQ(make_sequences(tokenizer, documents("abc|def|g"), {.max_documents = 2})->size(), 2u);
  EXPECT_EQ(make_sequences(tokenizer, stream("abcdefgh"), {.context = 3, .max_tokens = 7})->size(), 2u);
}

TEST(Sequences, OfATextShorterThanOneWindowAreRefused) {
  const auto remedy = [](const std::string& text, const Protocol& protocol) {
    return make_sequences(LetterTokenizer(true), stream(text), protocol).error().remedy;
  };
  EXPECT_EQ(remedy("abc", {.context = 8}), "give a longer text or a smaller --context");
  EXPECT_EQ(remedy("abcdef", {.context = 4, .max_tokens = 3}), "give more --max-tokens or a smaller --context");
  EXPECT_EQ(remedy("abcdef", {.context = 4, .max_tokens = 3, .max_tokens_option = "--eval-tokens"}),
            "give more --eval-tokens or a smaller --context");
}

class Perplexities : public testing::Test {
 protected:
  /// -sum log p of one sequence, from the logits of a batch of one, in float64.
  static double nats_of(const Llama& model, const Sequence& sequence) {
    const std::vector<std::int64_t> ids(sequence.begin(), sequence.end() - 1);
    const at::Tensor logits =
        model.logits(model.forward(at::tensor(ids, at::kLong).unsqueeze(0)).value())[0].to(at::kDouble);
    double nats = 0;
    for (std::int64_t t = 0; t < logits.size(0); ++t)
      nats += (logits[t].logsumexp(-1) - logits[t][sequence[static_cast<std::size_t>(t) + 1]]).item<double>();
    return nats;
  }
  static Evaluation evaluate_one(const Llama& model, const std::vector<Sequence>& sequences,
                                 const Llama* reference = nullptr) {
    const Llama* const models[] = {&model};
    return evaluate(models, sequences, LetterTokenizer(true), reference).value().at(0);
  }
  static Llama random_model(std::uint64_t seed) {
    return Llama::load(RandomCheckpoint(RandomCheckpoint::tiny(), seed), {}).value();
  }

  const c10::InferenceMode no_gradients_;
  const Llama model_ = random_model(1), other_ = random_model(2);
  const std::vector<Sequence> sequences_ = {{0, 5, 9, 2, 40, 3}, {0, 7}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
};

TEST_F(Perplexities, OfSequencesTogetherAreWhatEachGivesAlone) {
  double nats = 0;
  for (const auto& sequence : sequences_) nats += nats_of(model_, sequence);
  const Evaluation result = evaluate_one(model_, sequences_);
  EXPECT_EQ(result.tokens, 16);
  EXPECT_NEAR(result.nats_per_token, nats / 16, 1e-5);
  EXPECT_NEAR(result.bits_per_byte, nats / std::log(2) / 16, 1e-5) << "each predicted token is one letter";
  EXPECT_DOUBLE_EQ(result.perplexity(), std::exp(result.nats_per_token));
}

TEST_F(Perplexities, OfOnePeriodicSequenceOfManyBatchesAreTheSameAsOfOneBatch) {
  std::vector<Sequence> many(500, sequences_[2]);
  EXPECT_NEAR(evaluate_one(model_, many).nats_per_token, nats_of(model_, sequences_[2]) / 10, 1e-5);
}

TEST_F(Perplexities, DivergeNotAtAllFromTheModelItself) {
  const Llama same = random_model(1);
  const Evaluation result = evaluate_one(same, sequences_, &model_);
  EXPECT_NEAR(result.divergence->kl_nats, 0, 1e-6);
  EXPECT_EQ(result.divergence->top1_agreement, 1);
}

TEST_F(Perplexities, DivergeFromAnotherModelAsTheDefinitionSays) {
  double kl = 0;
  int agreements = 0;
  for (const auto& sequence : sequences_) {
    const std::vector<std::int64_t> ids(sequence.begin(), sequence.end() - 1);
    const at::Tensor batch = at::tensor(ids, at::kLong).unsqueeze(0);
    const at::Tensor p = model_.logits(model_.forward(batch).value())[0].to(at::kDouble).softmax(-1);
    const at::Tensor q = other_.logits(other_.forward(batch).value())[0].to(at::kDouble).softmax(-1);
    kl += (p * (p / q).log()).sum().item<double>();
    agreements += (p.argmax(-1) == q.argmax(-1)).sum().item<int>();
  }
  const Evaluation result = evaluate_one(other_, sequences_, &model_);
  EXPECT_NEAR(result.divergence->kl_nats, kl / 16, 1e-5);
  EXPECT_DOUBLE_EQ(result.divergence->top1_agreement, agreements / 16.0);
}

TEST_F(Perplexities, SideBySideAreWhatTheyAreAlone) {
  const Llama* const models[] = {&other_, &model_};
  const auto both = evaluate(models, sequences_, LetterTokenizer(true), &model_).value();
  EXPECT_DOUBLE_EQ(both[0].nats_per_token, evaluate_one(other_, sequences_).nats_per_token);
  EXPECT_DOUBLE_EQ(both[1].nats_per_token, evaluate_one(model_, sequences_).nats_per_token);
  EXPECT_TRUE(both[0].divergence);
  EXPECT_FALSE(both[1].divergence);
}

TEST_F(Perplexities, OfAModelThatReadsItsBlocksAreThoseOfOneThatHoldsThem) {
  RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const Llama streamed = Llama::open(checkpoint, {}).value();
  EXPECT_DOUBLE_EQ(evaluate_one(streamed, sequences_).nats_per_token, evaluate_one(model_, sequences_).nats_per_token);
  checkpoint.broken = "model.layers.1.mlp.down_proj.weight";
  const Llama* const models[] = {&streamed};
  EXPECT_FALSE(evaluate(models, sequences_, LetterTokenizer(true)));
}

TEST_F(Perplexities, InManyWavesAreThoseInOne) {
  std::vector<Sequence> many;
  for (int i = 0; i < 700; ++i) many.push_back(sequences_[static_cast<std::size_t>(i % 3)]);  // several batches
  const Llama* const models[] = {&other_, &model_};
  const auto one = evaluate(models, many, LetterTokenizer(true), &model_).value();
  const auto waves = evaluate(models, many, LetterTokenizer(true), &model_, /*wave_bytes=*/1).value();  // a batch each
  EXPECT_EQ(waves[0].tokens, one[0].tokens);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_DOUBLE_EQ(waves[i].nats_per_token, one[i].nats_per_token);
  EXPECT_DOUBLE_EQ(waves[0].divergence->kl_nats, one[0].divergence->kl_nats);
}

TEST_F(Perplexities, OfSequencesLongerThanTheModelOrOfBrokenWeightsAreRefused) {
  const Llama* const models[] = {&model_};
  EXPECT_FALSE(evaluate(models, {Sequence(40, 1)}, LetterTokenizer(true)));
  RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  checkpoint.values("model.layers.0.mlp.down_proj.weight")[5] = std::nanf("");
  const Llama broken = Llama::load(checkpoint, {}).value();
  const Llama* const broken_models[] = {&broken};
  const auto refused = evaluate(broken_models, sequences_, LetterTokenizer(true));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("not finite"), std::string::npos);
}

TEST_F(Perplexities, UnderMacrosArithmeticStopAtTheFirstSumThatTheMacrosDoNotGive) {
  FlexcimParameters parameters{.array = {.sub_macros = 4}, .system = {}};
  parameters.patterns = {Pattern{}};
  const auto macros = std::make_shared<FlexcimArithmetic>(parameters, FlexcimSampleSize{});
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const Llama model = Llama::open(checkpoint, {.arithmetic = Arithmetic::kInt8, .flexcim = macros}).value();
  const Llama plain = Llama::open(checkpoint, {.arithmetic = Arithmetic::kInt8}).value();
  EXPECT_EQ(evaluate_one(model, sequences_).nats_per_token, evaluate_one(plain, sequences_).nats_per_token);

  const QuantisedLinear broken = macros->store("broken", std::vector<float>(4, 1), 4).value();
  broken.observer()(std::vector<std::int8_t>{1, 1, 1, 1}, std::vector<std::int32_t>{0});
  const Llama* const models[] = {&model};
  const auto refused = evaluate(models, sequences_, LetterTokenizer(true));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().what.starts_with("broken: output 0 of token 0: ")) << refused.error().what;
}

}  // namespace
}  // namespace sparsecim

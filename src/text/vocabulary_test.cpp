#include "text/vocabulary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/test_vocabularies.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

using testing::HasSubstr;

/// 262 tokens of its own, then a hole and two added ones: 263 and 264.
Vocabulary with_two_added() {
  Vocabulary vocabulary = tiny_scores({{"a", -1}, {"b", -1}, {"ab", -2}});
  vocabulary.tokens.resize(265);
  vocabulary.scores.resize(265);
  for (const std::size_t id : {263u, 264u})
    vocabulary.tokens[id] = {.text = fmt::format("<{}>", id), .kind = Vocabulary::TokenKind::kControl, .added = true};
  return vocabulary;
}

TEST(TokensWithoutRow, AreDroppedIfTheyWereAdded) {
  for (const std::int64_t rows : {262, 263, 264, 265, 300}) {
    Vocabulary vocabulary = with_two_added();
    vocabulary.eos = 264;
    vocabulary.unknown = 263;
    ASSERT_TRUE(drop_tokens_without_row(vocabulary, rows)) << rows;
    EXPECT_EQ(std::ssize(vocabulary.tokens), std::min<std::int64_t>(rows, 265));
    EXPECT_EQ(vocabulary.n_without_row, rows <= 263 ? 2 : rows == 264 ? 1 : 0);
    EXPECT_EQ(vocabulary.eos.has_value(), rows >= 265);
    EXPECT_EQ(vocabulary.unknown.has_value(), rows >= 264);
    EXPECT_EQ(vocabulary.bos, 1);
    const auto tokenizer = make_tokenizer(vocabulary);
    ASSERT_TRUE(tokenizer) << tokenizer.error().line();
    const std::vector<TokenId> ids = (*tokenizer)->encode("ab<264><263>").value();
    for (const TokenId id : ids) EXPECT_LT(id, rows);
  }
}

TEST(TokensWithoutRow, AreRefusedIfTheyAreTheTokenizersOwn) {
  Vocabulary vocabulary = with_two_added();
  const auto dropped = drop_tokens_without_row(vocabulary, 261);
  ASSERT_FALSE(dropped);
  EXPECT_THAT(dropped.error().what, HasSubstr("265 tokens, the model's embedding only 261: token 261, 'ab'"));
}

TEST(TokensWithoutRow, AreRefusedIfEveryTextIsToHaveThem) {
  Vocabulary vocabulary = with_two_added();
  vocabulary.bos = 263;
  ASSERT_TRUE(vocabulary.add_bos);
  EXPECT_THAT(drop_tokens_without_row(vocabulary, 263).error().what, HasSubstr("BOS, '<263>'"));
  EXPECT_TRUE(drop_tokens_without_row(vocabulary, 264));
  vocabulary = with_two_added();
  vocabulary.eos = 264;
  vocabulary.add_eos = true;
  EXPECT_THAT(drop_tokens_without_row(vocabulary, 264).error().what, HasSubstr("EOS, '<264>'"));
}

TEST(TokensWithoutRow, OfTokenizerJsonAreThoseThatAreInAddedTokensOnly) {
  const Json file = parse_json(R"({"model": {"type": "BPE", "vocab": {"a": 0, "<s>": 1}, "merges": []},
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "added_tokens": [{"id": 1, "content": "<s>"}, {"id": 2, "content": "<pad>"}]})")
                        .value();
  Vocabulary vocabulary = vocabulary_from_tokenizer_json(file, nullptr).value();
  EXPECT_FALSE(drop_tokens_without_row(vocabulary, 1));
  vocabulary = vocabulary_from_tokenizer_json(file, nullptr).value();
  ASSERT_TRUE(drop_tokens_without_row(vocabulary, 2));
  EXPECT_EQ(vocabulary.tokens.back().text, "<s>");
}

}  // namespace
}  // namespace sparsecim

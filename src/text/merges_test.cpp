#include "text/merges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "text/test_vocabularies.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Symbols = std::vector<TokenId>;

/// The definition, word for word: as long as there is one, the merge of the smallest rank, there the leftmost.
Symbols merge_by_definition(const std::vector<Merge>& merges, Symbols symbols) {
  while (true) {
    const Merge* best = nullptr;
    std::size_t place = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
      for (const Merge& merge : merges)
        if (merge.left == symbols[i] && merge.right == symbols[i + 1] && (!best || merge.rank < best->rank))
          best = &merge, place = i;
    if (!best) return symbols;
    symbols[place] = best->result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

Symbols merged(const std::vector<Merge>& merges, Symbols symbols) {
  const Merger::Table table(merges);
  Merger(table).merge(symbols);
  return symbols;
}

TEST(Merger, MakesTheSmallestRankFirstAndTheLeftmostOfEquals) {
  const std::vector<Merge> merges = {{1, 2, 12, 0}, {2, 3, 23, 1}, {12, 3, 123, 2}, {1, 1, 11, 3}};
  EXPECT_THAT(merged(merges, {1, 2, 3}), ElementsAre(123));
  EXPECT_THAT(merged(merges, {3, 2, 3}), ElementsAre(3, 23));
  EXPECT_THAT(merged(merges, {1, 1, 1}), ElementsAre(11, 1));
  EXPECT_THAT(merged(merges, {}), ElementsAre());
  EXPECT_THAT(merged({}, {1, 2}), ElementsAre(1, 2));
}

TEST(Merger, DoesWhatTheDefinitionSaysOnRandomMerges) {
  std::mt19937 random(1);
  const auto below = [&](int n) { return static_cast<TokenId>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 3000; ++round) {
    std::vector<Merge> merges;
    const int alphabet = 2 + below(3);
    const int count = 1 + below(12);
    for (int rank = 0; rank < count; ++rank) {
      const Merge merge = {below(alphabet + rank), below(alphabet + rank), alphabet + rank,
                           round % 2 == 0 ? rank : below(3)};  // ranks apart, or with ties
      const auto same = [&](const Merge& m) { return m.left == merge.left && m.right == merge.right; };
      if (std::none_of(merges.begin(), merges.end(), same)) merges.push_back(merge);
    }
    Symbols symbols(static_cast<std::size_t>(below(40)));
    for (TokenId& symbol : symbols) symbol = below(alphabet);
    ASSERT_EQ(merged(merges, symbols), merge_by_definition(merges, symbols)) << "round " << round;
  }
}

TEST(Merger, KeepsNothingFromThePieceBefore) {
  const std::vector<Merge> merges = {{1, 2, 12, 0}};
  const Merger::Table table(merges);
  Merger merger(table);
  for (int i = 0; i < 3; ++i) {
    Symbols symbols = {1, 2, 1, 2};
    merger.merge(symbols);
    EXPECT_THAT(symbols, ElementsAre(12, 12));
  }
}

TEST(Merger, TakesLongPieces) {
  Symbols symbols(200'000, 1);
  const std::vector<Merge> merges = {{1, 1, 2, 0}, {2, 2, 3, 1}};
  EXPECT_EQ(merged(merges, symbols), Symbols(50'000, 3));
}

std::vector<Merge> ranked(const Vocabulary& vocabulary) {
  return ranked_merges(vocabulary, index_tokens(vocabulary).value()).value();
}

TEST(RankedMerges, OfScoresAreAllPairsThatSpellATokenTheHighestScoreFirst) {
  const auto merges = ranked(tiny_scores({{"a", 0}, {"b", 0}, {"ab", -2}, {"ba", -1}, {"aba", -3}}));
  // 259 a, 260 b, 261 ab, 262 ba, 263 aba
  std::vector<std::tuple<TokenId, TokenId, TokenId, std::int32_t>> shown;
  for (const Merge& m : merges) shown.emplace_back(m.left, m.right, m.result, m.rank);
  EXPECT_THAT(shown, ElementsAre(std::tuple(260, 259, 262, 0), std::tuple(259, 260, 261, 1),
                                 std::tuple(259, 262, 263, 2), std::tuple(261, 259, 263, 2)));
}

TEST(RankedMerges, OfScoresLeaveOutTokensThatTextIsNotMadeOf) {
  Vocabulary vocabulary = tiny_scores({{"<", 0}, {"s>", 0}, {"<s>x", 0}, {"x", 0}, {"<0", 0}, {"x41>", 0}});
  EXPECT_TRUE(ranked(vocabulary).empty());  // neither <s> nor <0x41> is made of parts, and <s>x not of <s>
  vocabulary.tokens[1].text = "<t>";
  EXPECT_TRUE(ranked(vocabulary).empty());
  vocabulary.tokens.push_back({.text = "<s>"});
  vocabulary.scores.push_back(0);
  EXPECT_EQ(ranked(vocabulary).size(), 2u);
}

TEST(RankedMerges, OfPairsKeepTheirOrder) {
  const auto merges = ranked(tiny_byte_level({{"b", "c"}, {"a", "bc"}}));
  ASSERT_EQ(merges.size(), 2u);
  EXPECT_EQ(merges[0].result, 256);
  EXPECT_EQ(merges[1].left, 'a');
  EXPECT_EQ(merges[1].right, 256);
}

std::string refusal(const Vocabulary& vocabulary) {
  const auto index = index_tokens(vocabulary);
  if (!index) return index.error().what;
  const auto merges = ranked_merges(vocabulary, *index);
  return merges ? "" : merges.error().what;
}

TEST(RankedMerges, RefuseWhatContradictsItself) {
  Vocabulary vocabulary = tiny_byte_level({{"a", "b"}});
  vocabulary.merges = {{"a", "b"}, {"a", "b"}};
  EXPECT_THAT(refusal(vocabulary), HasSubstr("merge 1, 'a' with 'b', is there twice"));
  vocabulary.merges = {{"a", "zz"}};
  EXPECT_THAT(refusal(vocabulary), HasSubstr("merge 0: 'zz' is no token"));
  vocabulary.merges = {{"b", "a"}};
  EXPECT_THAT(refusal(vocabulary), HasSubstr("merge 0: 'ba' is no token"));
  vocabulary.tokens[300 - 44].text = "a";
  EXPECT_THAT(refusal(vocabulary), HasSubstr("tokens 97 and 256 are both 'a'"));
  EXPECT_THAT(refusal(tiny_scores({{std::string(1025, 'x'), 0}})), HasSubstr("token 259 has 1025 bytes"));
}

}  // namespace
}  // namespace sparsecim

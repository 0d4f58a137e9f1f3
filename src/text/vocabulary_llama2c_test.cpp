#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Entry {
  std::string text;
  float score;
};

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::vector<Entry> entries() {
  std::vector<Entry> list = {{"<unk>", 0}, {"\n<s>\n", 0}, {"\n</s>\n", 0}};
  for (int byte = 0; byte < 256; ++byte) list.push_back({fmt::format("<0x{:02X}>", byte), 0});
  list.insert(list.end(), {{" ", -5}, {"a", -4}, {" a", -1}});
  return list;
}

std::string file_of(const std::vector<Entry>& list, std::int32_t longest = 6) {
  std::string bytes;
  append(bytes, longest);
  for (const Entry& entry : list) {
    append(bytes, entry.score);
    append(bytes, static_cast<std::int32_t>(entry.text.size()));
    bytes += entry.text;
  }
  return bytes;
}

constexpr std::int64_t kSize = 262;
constexpr std::size_t kScoreOfToken1 = 4 + 8 + 5;  // bytes: longest, then token 0

TEST(Llama2cVocabulary, MarksSpacesAndNamesBosAndEos) {
  const auto vocabulary = vocabulary_from_llama2c(file_of(entries()), kSize);
  ASSERT_TRUE(vocabulary) << vocabulary.error().line();
  EXPECT_EQ(vocabulary->tokens[1].text, "<s>");
  EXPECT_EQ(vocabulary->tokens[2].kind, Vocabulary::TokenKind::kControl);
  EXPECT_EQ(vocabulary->tokens[3].kind, Vocabulary::TokenKind::kByte);
  EXPECT_EQ(vocabulary->tokens[261].text,
            "\xE2\x96\x81"
            "a");
  EXPECT_EQ(vocabulary->scores[261], -1);
  const auto tokenizer = make_tokenizer(*vocabulary);
  ASSERT_TRUE(tokenizer);
  EXPECT_THAT((*tokenizer)->encode_as_model("a a").value(), ElementsAre(1, 261, 261));
}

TEST(Llama2cVocabulary, CutOffAnywhereIsRefused) {
  const std::string whole = file_of(entries());
  for (std::size_t size = 0; size < whole.size(); ++size)
    ASSERT_FALSE(vocabulary_from_llama2c(whole.substr(0, size), kSize)) << size;
  EXPECT_THAT(vocabulary_from_llama2c(whole.substr(0, whole.size() - 1), kSize).error().what,
              HasSubstr("token 261 of 262: truncated: 1 bytes are missing"));
}

struct Spoilt {
  const char* name;
  std::int64_t size;
  void (*spoil)(std::vector<Entry>& list, std::string& bytes);
  const char* says;
  friend std::ostream& operator<<(std::ostream& out, const Spoilt& spoilt) { return out << spoilt.name; }
};

template <class T>
void overwrite(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

class SpoiltTokenizerBin : public testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltTokenizerBin, IsRefused) {
  std::vector<Entry> list = entries();
  std::string bytes = file_of(list);
  ASSERT_TRUE(vocabulary_from_llama2c(bytes, kSize));
  GetParam().spoil(list, bytes);
  if (bytes.empty()) bytes = file_of(list);
  const auto vocabulary = vocabulary_from_llama2c(bytes, GetParam().size);
  ASSERT_FALSE(vocabulary);
  EXPECT_THAT(vocabulary.error().line(), HasSubstr(GetParam().says));
}

using List = std::vector<Entry>&;
using Bytes = std::string&;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
INSTANTIATE_TEST_SUITE_P(
    Table, SpoiltTokenizerBin,
    testing::Values(
        Spoilt{"NanScore", kSize, [](List, Bytes b) { overwrite(b, kScoreOfToken1, kNan); },
               "token 1 of 262: its score"},
        Spoilt{"InfiniteScore", kSize, [](List, Bytes b) { overwrite(b, kScoreOfToken1, -kInfinity); }, "its score"},
        Spoilt{"ZeroLength", kSize, [](List, Bytes b) { overwrite(b, kScoreOfToken1 + 4, 0); }, "its length is 0"},
        Spoilt{"NegativeLength", kSize, [](List, Bytes b) { overwrite(b, kScoreOfToken1 + 4, -1); }, "length is -1"},
        Spoilt{"HugeLength", kSize, [](List, Bytes b) { overwrite(b, kScoreOfToken1 + 4, INT32_MAX); },
               "outside 1 .. 6"},
        Spoilt{"HugeLongest", kSize,
               [](List, Bytes b) {
                 overwrite(b, 0, INT32_MAX);
                 overwrite(b, kScoreOfToken1 + 4, INT32_MAX);
               },
               "truncated"},
        Spoilt{"NegativeLongest", kSize, [](List, Bytes b) { overwrite(b, 0, INT32_MIN); }, "outside 1 .."},
        Spoilt{"AnotherModels", kSize - 1, [](List, Bytes) {}, "belongs to this model"},
        Spoilt{"TooSmallForBytes", 258, [](List, Bytes) {}, "at least 259"},
        Spoilt{"NegativeSize", -1, [](List, Bytes) {}, "at least 259"},
        Spoilt{"HugeSize", INT64_MAX, [](List, Bytes) {}, "truncated"},
        Spoilt{"NoUnknown", kSize, [](List l, Bytes b) { l[0].text = "<pad>", b.clear(); },
               "token 0 of 262: is '<pad>'"},
        Spoilt{"NoBos", kSize, [](List l, Bytes b) { l[1].text = "<t>", b.clear(); }, "token 1 of 262"},
        Spoilt{"WrongByte", kSize, [](List l, Bytes b) { l[4].text = "<0x02>", b.clear(); },
               "token 4 of 262: is '<0x02>'"},
        Spoilt{"NotUtf8", kSize, [](List l, Bytes b) { l[260].text = "\xC3", b.clear(); },
               "token 260 of 262: its text"}),
    [](const auto& spoilt) { return spoilt.param.name; });

}  // namespace
}  // namespace sparsecim

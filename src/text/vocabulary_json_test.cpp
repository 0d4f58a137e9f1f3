#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "text/test_vocabularies.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<TokenId>;
using SpacePrefix = Vocabulary::SpacePrefix;
using TokenKind = Vocabulary::TokenKind;

const std::string kMark = "\xE2\x96\x81";

/// A byte-level tokenizer.json, in the form in which people publish them.
Json byte_level_file() {
  Json vocab;
  for (int byte = 0; byte < 256; ++byte) vocab[printable_byte(static_cast<unsigned char>(byte))] = byte;
  vocab["ab"] = 256;
  Json file = parse_json(R"({
    "added_tokens": [{"id": 257, "content": "<|end|>", "special": true, "normalized": false},
                     {"id": 258, "content": "<tool>", "special": false, "rstrip": true, "normalized": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
    "post_processor": {"type": "ByteLevel", "trim_offsets": false},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "merges": ["a b"]}})")
                  .value();
  file["model"]["vocab"] = vocab;
  return file;
}

/// LLaMA-2's: SentencePiece with a BOS in the template.
Json score_file() {
  Json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = byte + 3;
  vocab[kMark] = 259, vocab["a"] = 260, vocab[kMark + "a"] = 261;
  Json file = parse_json(R"({
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true},
                     {"id": 2, "content": "</s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true}})")
                  .value();
  file["model"]["vocab"] = vocab;
  file["model"]["merges"] = Json::array({Json::array({kMark, "a"})});
  return file;
}

Vocabulary read(const Json& file, const Json& config = nullptr) {
  auto vocabulary = vocabulary_from_tokenizer_json(file, config);
  if (!vocabulary) throw std::runtime_error(vocabulary.error().line());
  return *vocabulary;
}

TEST(TokenizerJson, OfTheByteLevelKindIsReadWhole) {
  const Vocabulary vocabulary = read(byte_level_file());
  EXPECT_EQ(vocabulary.kind, Vocabulary::Kind::kByteLevelBpe);
  EXPECT_THAT(vocabulary.splits, ElementsAre(kSingleDigitSplit, kGpt2Split));
  EXPECT_THAT(vocabulary.merges, ElementsAre(std::pair<std::string, std::string>("a", "b")));
  EXPECT_EQ(vocabulary.tokens[257].kind, TokenKind::kControl);
  EXPECT_EQ(vocabulary.tokens[258].kind, TokenKind::kUserDefined);
  EXPECT_TRUE(vocabulary.tokens[258].strips_right);
  EXPECT_TRUE(vocabulary.tokens[258].normalized);
  EXPECT_FALSE(vocabulary.add_bos);
  EXPECT_THAT(make_tokenizer(vocabulary).value()->encode("ab1<|end|>").value(), ElementsAre(256, '1', 257));
}

TEST(TokenizerJson, OfTheScoreKindIsReadWhole) {
  const Vocabulary vocabulary = read(score_file());
  EXPECT_EQ(vocabulary.kind, Vocabulary::Kind::kScoreBpe);
  EXPECT_EQ(vocabulary.space_prefix, SpacePrefix::kEverySegment);
  EXPECT_FALSE(vocabulary.prefix_if_missing);
  EXPECT_EQ(vocabulary.tokens[0].kind, TokenKind::kUnknown);
  EXPECT_EQ(vocabulary.tokens[3].kind, TokenKind::kByte);
  EXPECT_TRUE(vocabulary.add_bos);
  EXPECT_EQ(vocabulary.bos, 1);
  EXPECT_EQ(vocabulary.unknown, 0);
  EXPECT_THAT(make_tokenizer(vocabulary).value()->encode_as_model("a a").value(), ElementsAre(1, 261, 261));
}

TEST(TokenizerJson, TakesMergesAsStringsAndAsPairs) {
  Json file = byte_level_file();
  file["model"]["merges"] = Json::array({Json::array({"a", "b"})});
  EXPECT_EQ(read(file).merges, read(byte_level_file()).merges);
}

TEST(TokenizerJson, OfLlama3HasItsSplitAndTakesWholePiecesFirst) {
  Json file = byte_level_file();
  file["model"]["ignore_merges"] = true;
  file["pre_tokenizer"]["pretokenizers"][0] = {
      {"type", "Split"}, {"pattern", {{"Regex", kLlama3Split}}}, {"behavior", "Isolated"}, {"invert", false}};
  file["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = false;
  const Vocabulary vocabulary = read(file);
  EXPECT_THAT(vocabulary.splits, ElementsAre(kLlama3Split));
  EXPECT_TRUE(vocabulary.whole_pieces_first);
}

TEST(TokenizerJson, OfQwen2PutsTextIntoItsNormalFormFirst) {
  Json file = byte_level_file();
  file["normalizer"] = {{"type", "NFC"}};
  file["added_tokens"][1]["single_word"] = true;
  const Vocabulary vocabulary = read(file);
  EXPECT_TRUE(vocabulary.nfc);
  EXPECT_TRUE(vocabulary.tokens[258].single_word);
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array({Json{{"type", "NFC"}}})}};
  EXPECT_TRUE(read(file).nfc);
  EXPECT_FALSE(read(byte_level_file()).nfc);
}

TEST(TokenizerJson, MaySplitAtAString) {
  Json file = byte_level_file();
  file["pre_tokenizer"]["pretokenizers"][0] = {
      {"type", "Split"}, {"pattern", {{"String", "a.b"}}}, {"behavior", "Isolated"}, {"invert", false}};
  EXPECT_EQ(read(file).splits[0], "a\\.b");
}

TEST(TokenizerJson, OfTheByteLevelKindMayPutASpaceInFront) {
  Json file = byte_level_file();
  file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}};
  const Vocabulary vocabulary = read(file);
  EXPECT_EQ(vocabulary.space_prefix, SpacePrefix::kEverySegment);
  EXPECT_TRUE(vocabulary.prefix_if_missing);
}

TEST(TokenizerJson, MetaspaceSaysWhereTheSpaceGoes) {
  Json file = score_file();
  file["normalizer"] = nullptr;
  const auto with = [&](const char* members) {
    file["pre_tokenizer"] =
        parse_json(fmt::format(R"({{"type": "Metaspace", "replacement": "\u2581" {}}})", members)).value();
    return read(file);
  };
  EXPECT_EQ(with("").space_prefix, SpacePrefix::kEverySegment);
  EXPECT_TRUE(with("").words_apart);
  EXPECT_TRUE(with("").prefix_if_missing);
  EXPECT_FALSE(with(R"(, "split": false)").words_apart);
  EXPECT_EQ(with(R"(, "prepend_scheme": "first")").space_prefix, SpacePrefix::kFirst);
  EXPECT_EQ(with(R"(, "prepend_scheme": "never")").space_prefix, SpacePrefix::kNever);
  EXPECT_EQ(with(R"(, "add_prefix_space": false)").space_prefix, SpacePrefix::kNever);
}

TEST(TokenizerJson, MayAddEosBehindTheText) {
  Json file = score_file();
  Json& processor = file["post_processor"];
  processor["single"].push_back({{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}});
  processor["special_tokens"]["</s>"] = {{"id", "</s>"}, {"ids", Json::array({2})}};
  file["post_processor"] = {{"type", "Sequence"},
                            {"processors", Json::array({Json{{"type", "ByteLevel"}}, processor})}};
  EXPECT_THAT(make_tokenizer(read(file)).value()->encode_as_model("a").value(), ElementsAre(1, 261, 2));
}

TEST(TokenizerJson, TakesFromTheConfigWhatItDoesNotSayItself) {
  const Json config = {{"bos_token", {{"content", "<|end|>"}}}, {"eos_token", "<|end|>"}, {"chat_template", "{{ x }}"}};
  const Vocabulary vocabulary = read(byte_level_file(), config);
  EXPECT_EQ(vocabulary.bos, 257);
  EXPECT_EQ(vocabulary.eos, 257);
  EXPECT_EQ(vocabulary.chat_template, "{{ x }}");
  EXPECT_FALSE(vocabulary.add_bos);
  EXPECT_FALSE(read(byte_level_file(), Json{{"bos_token", "<none>"}}).bos);
  EXPECT_EQ(read(score_file(), Json{{"bos_token", "</s>"}}).bos, 1);
}

TEST(TokenizerJson, MayLeaveIdsWithoutATokenButNotMany) {
  Json file = byte_level_file();
  file["added_tokens"][0]["id"] = 300;
  const Vocabulary vocabulary = read(file);
  EXPECT_EQ(vocabulary.tokens.size(), 301u);
  EXPECT_TRUE(make_tokenizer(vocabulary));
  EXPECT_EQ(make_tokenizer(vocabulary).value()->decode(Ids{'a', 299}), "a");
  file["added_tokens"][0]["id"] = 1 << 30;
  EXPECT_THAT(vocabulary_from_tokenizer_json(file, nullptr).error().what, HasSubstr("outside 0 .."));
}

struct Spoilt {
  const char* name;
  Json (*file)();
  const char* path;   // JSON pointer to what is replaced
  const char* value;  // JSON
  const char* says;
  friend std::ostream& operator<<(std::ostream& out, const Spoilt& spoilt) { return out << spoilt.name; }
};
class SpoiltTokenizerJson : public testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltTokenizerJson, IsRefusedByName) {
  Json file = GetParam().file();
  file[Json::json_pointer(GetParam().path)] = parse_json(GetParam().value).value();
  const auto vocabulary = vocabulary_from_tokenizer_json(file, nullptr);
  const auto tokenizer = vocabulary ? make_tokenizer(*vocabulary) : tl::unexpected(vocabulary.error());
  ASSERT_FALSE(tokenizer);
  EXPECT_THAT(tokenizer.error().line(), HasSubstr(GetParam().says));
}

constexpr auto kByte = byte_level_file;
constexpr auto kScore = score_file;
INSTANTIATE_TEST_SUITE_P(
    Table, SpoiltTokenizerJson,
    testing::Values(
        Spoilt{"NoObject", kByte, "", "[1]", "'model' is missing"},
        Spoilt{"NoModel", kByte, "/model", "null", "'model' is missing"},
        Spoilt{"Unigram", kByte, "/model/type", R"("Unigram")", "type \"Unigram\" is not implemented"},
        Spoilt{"Dropout", kByte, "/model/dropout", "0.1", "'dropout'"},
        Spoilt{"Prefix", kByte, "/model/continuing_subword_prefix", R"("##")", "'continuing_subword_prefix'"},
        Spoilt{"Suffix", kByte, "/model/end_of_word_suffix", R"("</w>")", "'end_of_word_suffix'"},
        Spoilt{"NoVocab", kByte, "/model/vocab", "[]", "'vocab'"},
        Spoilt{"NoMerges", kByte, "/model/merges", "{}", "'merges'"},
        Spoilt{"MergeOfThree", kByte, "/model/merges/0", R"(["a","b","c"])", "merge 0 is no pair"},
        Spoilt{"MergeOfNumbers", kByte, "/model/merges/0", "[1,2]", "merge 0 is no pair"},
        Spoilt{"MergeOfOne", kByte, "/model/merges/0", R"("ab")", "merge 0, 'ab', is no pair"},
        Spoilt{"MergeOfNothing", kByte, "/model/merges/0", R"("")", "merge 0, '', is no pair"},
        Spoilt{"MergeOfUnknown", kByte, "/model/merges/0", R"("a zz")", "merge 0: 'zz' is no token"},
        Spoilt{"MergeToUnknown", kByte, "/model/merges/0", R"("b a")", "merge 0: 'ba' is no token"},
        Spoilt{"MergeOfItself", kByte, "/model/merges/0", R"("ab ab")", "merge 0: 'abab' is no token"},
        Spoilt{"MergeTwice", kByte, "/model/merges", R"(["a b", "a b"])", "there twice"},
        Spoilt{"IdNegative", kByte, "/model/vocab/ab", "-1", "the id of token 'ab' is -1"},
        Spoilt{"IdHuge", kByte, "/model/vocab/ab", "18446744073709551615", "the id of token 'ab'"},
        Spoilt{"IdFraction", kByte, "/model/vocab/ab", "1.5", "the id of token 'ab' is 1.5"},
        Spoilt{"IdTwice", kByte, "/model/vocab/ab", "97", "have the same id 97"},
        Spoilt{"EmptyToken", kByte, "/model/vocab/", "300", "a token without text"},
        Spoilt{"Normalizer", kByte, "/normalizer", R"({"type": "NFKC"})",
               "normalizer: {\"type\":\"NFKC\"} is not impl"},
        Spoilt{"NormalizerOfTwo", kByte, "/normalizer",
               R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]})", "Lowercase"},
        Spoilt{"NormalFormOfScores", kScore, "/normalizer/normalizers/0", R"({"type": "NFC"})", "NFC"},
        Spoilt{"NormalizerNoObject", kByte, "/normalizer", "3", "normalizer: is no object"},
        Spoilt{"PreTokenizer", kByte, "/pre_tokenizer", R"({"type": "Whitespace"})", "neither a ByteLevel"},
        Spoilt{"PreTokenizerNumber", kByte, "/pre_tokenizer", "7", "neither a ByteLevel"},
        Spoilt{"PreTokenizerItem", kByte, "/pre_tokenizer/pretokenizers/0", R"({"type": "Punctuation"})",
               "Punctuation"},
        Spoilt{"PreTokenizerItemNumber", kByte, "/pre_tokenizer/pretokenizers/0", "7", "7 is not implemented"},
        Spoilt{"SplitRemoves", kByte, "/pre_tokenizer/pretokenizers/0",
               R"({"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Removed"})", "Removed"},
        Spoilt{"SplitInverts", kByte, "/pre_tokenizer/pretokenizers/0",
               R"({"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Isolated", "invert": true})", "invert"},
        Spoilt{"SplitByNothing", kByte, "/pre_tokenizer/pretokenizers/0",
               R"({"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated"})", "'String' is empty"},
        Spoilt{"SplitByNumber", kByte, "/pre_tokenizer/pretokenizers/0",
               R"({"type": "Split", "pattern": 7, "behavior": "Isolated"})", "'String'"},
        Spoilt{"SplitWrong", kByte, "/pre_tokenizer/pretokenizers/0",
               R"({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"})", "'(' is wrong"},
        Spoilt{"PrefixBehindSplit", kByte, "/pre_tokenizer/pretokenizers/1", R"({"type": "ByteLevel"})",
               "'add_prefix_space' behind another split"},
        Spoilt{"AddedNoArray", kByte, "/added_tokens", "5", "added_tokens: is no array"},
        Spoilt{"AddedNoObject", kByte, "/added_tokens/0", "5", "'content'"},
        Spoilt{"AddedEmpty", kByte, "/added_tokens/0/content", R"("")", "without text"},
        Spoilt{"AddedWithoutId", kByte, "/added_tokens/0/id", "null", "the id of token '<|end|>' is null"},
        Spoilt{"AddedOverAnother", kByte, "/added_tokens/0/id", "97", "'<|end|>' has the id of 'a'"},
        Spoilt{"AddedTwice", kByte, "/added_tokens/1/content", R"("<|end|>")", "tokens 257 and 258 are both"},
        Spoilt{"UnknownUnknown", kByte, "/model/unk_token", R"("<unk>")", "'unk_token', '<unk>', is no token"},
        Spoilt{"PostProcessor", kByte, "/post_processor", R"({"type": "BertProcessing"})", "BertProcessing"},
        Spoilt{"NoRuleForSpaces", kScore, "/normalizer", "null", "marks spaces"},
        Spoilt{"TwoRulesForSpaces", kScore, "/pre_tokenizer", R"({"type": "Metaspace"})", "marks spaces"},
        Spoilt{"PrefixOnly", kScore, "/normalizer", R"({"type": "Prepend", "prepend": "\u2581"})",
               "without the replac"},
        Spoilt{"OtherPrefix", kScore, "/normalizer/normalizers/0/prepend", R"("_")", "Prepend"},
        Spoilt{"Lowercase", kScore, "/normalizer/normalizers/0", R"({"type": "Lowercase"})", "Lowercase"},
        Spoilt{"NormalizersNoArray", kScore, "/normalizer/normalizers", "{}", "'normalizers' is missing"},
        Spoilt{"TemplateWithoutText", kScore, "/post_processor/single", "[]", "no place for the text"},
        Spoilt{"TemplateOfTwo", kScore, "/post_processor/single",
               R"([{"SpecialToken": {"id": "<s>"}}, {"SpecialToken": {"id": "<s>"}}, {"Sequence": {}}])",
               "SpecialToken"},
        Spoilt{"TemplateOfStrings", kScore, "/post_processor/single", R"("$A")", "\"$A\" is not implemented"},
        Spoilt{"TemplateTokenNumber", kScore, "/post_processor/single/0/SpecialToken", "3", "SpecialToken"},
        Spoilt{"TemplateOfUnknown", kScore, "/post_processor/special_tokens", "{}", "names \"<s>\""},
        Spoilt{"TemplateIdOutOfRange", kScore, "/post_processor/special_tokens/<s>/ids", "[262]",
               "not one of 0 .. 261"},
        Spoilt{"TemplateIdNegative", kScore, "/post_processor/special_tokens/<s>/ids", "[-1]", "not one of"},
        Spoilt{"TemplateIdsTwo", kScore, "/post_processor/special_tokens/<s>/ids", "[1, 1]", "not one of"},
        Spoilt{"TemplateTokenNoObject", kScore, "/post_processor/special_tokens/<s>", "1", "not one of"}),
    [](const auto& spoilt) { return spoilt.param.name; });

Result<Vocabulary> from_bytes(std::string_view bytes) {
  SC_TRY_ASSIGN(const Json file, parse_json(bytes));
  return vocabulary_from_tokenizer_json(file, nullptr);
}

TEST(TokenizerJson, CutOffAnywhereIsRefused) {
  const std::string whole = score_file().dump();
  ASSERT_TRUE(from_bytes(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) ASSERT_FALSE(from_bytes(whole.substr(0, size))) << size;
}

TEST(TokenizerJson, ThatIsNestedDeeplyOrHasATokenTwiceOrIsNotUtf8IsRefused) {
  const std::string whole = byte_level_file().dump();
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string bytes = whole;
    const auto at = bytes.find(from);
    if (at == std::string::npos) ADD_FAILURE() << from;
    return from_bytes(bytes.replace(at, from.size(), to)).error().line();
  };
  EXPECT_THAT(with("\"ab\":256", "\"ab\":256,\"ab\":257"), HasSubstr("'ab' is there twice"));
  EXPECT_THAT(with("\"ab\":256", "\"\xC3(\":256"), HasSubstr("not valid JSON"));
  EXPECT_THAT(with("\"normalizer\":null", "\"normalizer\":" + std::string(100'000, '[')), HasSubstr("levels"));
}

TEST(TokenizerJson, WithAnEndlessPatternGivesAnErrorWhenItIsUsed) {
  for (const char* pattern : {"(a|a)*[bc]", "(a*)*[bc]", "(?:a+)+(?!a)[bc]", "(a|aa)+[bc]"}) {
    Json file = byte_level_file();
    file["pre_tokenizer"]["pretokenizers"][0] = {
        {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    const auto tokenizer = make_tokenizer(read(file));
    ASSERT_TRUE(tokenizer) << pattern;
    EXPECT_FALSE((*tokenizer)->encode(std::string(200, 'a'))) << pattern;
  }
}

/// Every place in `json` but the members of the vocabulary, of which one stands for all.
std::vector<Json::json_pointer> places(const Json& json) {
  std::vector<Json::json_pointer> found = {Json::json_pointer("/model/vocab/ab"), Json::json_pointer("")};
  for (std::size_t at = 1; at < found.size(); ++at) {
    const Json::json_pointer here = found[at];
    const Json& value = json[here];
    if (!value.is_structured() || here == Json::json_pointer("/model/vocab")) continue;
    for (const auto& [key, member] : value.items())
      found.push_back(value.is_array() ? here / static_cast<std::size_t>(std::stoul(key)) : here / key);
  }
  return found;
}

TEST(TokenizerJson, IsEitherRefusedOrATokenizerWhateverStandsInIt) {
  const std::vector<Json> values = {nullptr,
                                    true,
                                    0,
                                    -1,
                                    257,
                                    1e300,
                                    "",
                                    "a",
                                    "Metaspace",
                                    "ByteLevel",
                                    "Sequence",
                                    kMark,
                                    Json::array(),
                                    Json::object(),
                                    Json::array({1, "a"}),
                                    Json{{"type", "Split"}},
                                    Json{{"String", " "}},
                                    Json{{"Regex", "a*"}},
                                    Json::array({Json{{"id", 1}}})};
  std::mt19937 random(11);
  int tokenizers = 0, refused = 0;
  for (int round = 0; round < 1500; ++round) {
    Json file = round % 2 == 0 ? byte_level_file() : score_file();
    for (std::size_t changes = 1 + random() % 2; changes > 0; --changes) {
      const auto all = places(file);
      file[all[random() % all.size()]] = values[random() % values.size()];
      if (!file.is_object() || !file["model"].is_object() || !file["model"]["vocab"].is_object()) break;
    }
    const auto vocabulary = vocabulary_from_tokenizer_json(file, file);
    const auto tokenizer = vocabulary ? make_tokenizer(*vocabulary) : tl::unexpected(vocabulary.error());
    (tokenizer ? tokenizers : refused)++;
    if (tokenizer) {
      const auto ids = (*tokenizer)->encode_as_model("ab <s>1\x80");
      ASSERT_TRUE(ids);
      (*tokenizer)->decode(*ids);
    }
  }
  EXPECT_GT(tokenizers, 150);
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace sparsecim

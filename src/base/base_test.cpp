#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <vector>

#include "base/atomic.hpp"
#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/progress.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

TEST(Result, PutsThePlaceInFrontAndTheRemedyBehind) {
  const auto failed = within("model.safetensors", Result<int>(fail(Remedy{"get it again"}, "{} bytes are missing", 4)));
  EXPECT_EQ(failed.error().line(), "model.safetensors: 4 bytes are missing; get it again");
}

TEST(ParallelFor, VisitsEveryIndexOnce) {
  for (const std::int64_t n : {0, 1, 2, 7, 1000}) {
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
    parallel_for(n, [&](std::int64_t begin, std::int64_t end) {
      for (; begin < end; ++begin) ++visits[static_cast<std::size_t>(begin)];
    });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
  }
}

TEST(Lower, KeepsTheLeastOfWhatSeveralThreadsGive) {
  std::atomic<std::int64_t> least = INT64_MAX;
  parallel_for(100'000, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin) lower(least, (begin * 7919) % 100'003 + 5);
  });
  EXPECT_EQ(least, 5);
  lower(least, std::int64_t{6});
  EXPECT_EQ(least, 5);
}

TEST(Load, ReadsLittleEndianValuesFromAnyPlace) {
  const std::vector<std::byte> bytes = {std::byte{9}, std::byte{1}, std::byte{2}, std::byte{0}, std::byte{0x80}};
  EXPECT_EQ(load<std::uint16_t>(bytes.data() + 1), 0x0201);
  EXPECT_EQ(load<std::int32_t>(bytes.data() + 1), INT32_MIN + 0x0201);
}

TEST(Json, RefusesWhatIsOutOfRangeOrOfAnotherTypeByKey) {
  const Json object = parse_json(R"({"big": 18446744073709551615, "half": 0.5, "text": "x"})").value();
  EXPECT_NE(get_integer(object, "big", 0, 10).error().what.find("'big'"), std::string::npos);
  EXPECT_FALSE(get_integer(object, "half", 0, 10));
  EXPECT_FALSE(get_number(object, "text"));
  EXPECT_EQ(get_string(object, "none").error().what, "'none' is missing");
  EXPECT_FALSE(parse_json("{\"a\": 1e999}"));
  EXPECT_FALSE(parse_json("{\"a\": "));
}

TEST(Json, KeepsValuesAndTheOrderOfKeysAtEveryDepth) {
  const std::string text = R"({"z":[1,-2,3.5,"é",null,true,{"b":[],"a":{}}],"a":[[1],[2,[3]]]})";
  EXPECT_EQ(parse_json(text).value().dump(), text);
  EXPECT_EQ(parse_json("7").value(), 7);
}

TEST(Json, RefusesAKeyThatIsThereTwiceInOneObjectOnly) {
  EXPECT_EQ(parse_json(R"({"a": 1, "b": 2, "a": 3})").error().what, "the key 'a' is there twice");
  EXPECT_TRUE(parse_json(R"({"a": {"a": 1}, "b": {"a": 1}})"));
}

TEST(Json, RefusesMoreThanSixtyFourLevelsOfBrackets) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_EQ(parse_json(nested(65)).error().what, "more than 64 levels of brackets");
  EXPECT_FALSE(parse_json(std::string(10'000'000, '[')));
}

TEST(Json, ReadsAHundredThousandKeysInLinearTime) {
  std::string text = "{\"0\":0";
  for (int key = 1; key < 100'000; ++key) text += fmt::format(",\"{0}\":{0}", key);
  const std::clock_t start = std::clock();  // processor time: a busy machine does not count
  EXPECT_EQ(parse_json(text + "}").value().size(), 100'000u);
  EXPECT_LT(std::clock() - start, 2 * CLOCKS_PER_SEC);  // quadratic: more than four
}

TEST(Format, WritesCountsSecondsAndBytesAsPeopleReadThem) {
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-123), "-123");
  EXPECT_EQ(format_seconds(185), "3 m 05 s");
  EXPECT_EQ(format_bytes(98362432), "93.8 MiB");
}

}  // namespace
}  // namespace sparsecim

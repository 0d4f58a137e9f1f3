#include "report/table.hpp"

#include <gmock/gmock.h>

#include <random>
#include <sstream>

namespace sparsecim {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Table, FlushesNumbersRightAndTextLeft) {
  const auto text = Table({"model", "perplexity"}).row({"dense", "7.11"}).row({"FLOW", "30.02"}).text(80);
  EXPECT_EQ(text,
            "model  perplexity\n"
            "─────────────────\n"
            "dense        7.11\n"
            "FLOW        30.02\n");
}

TEST(Table, TakesNumbersWithUnitsSignsAndGapsForNumbers) {
  const auto text = Table({"a", "b", "c"}).row({"12.5 ms", "-3", "4:8"}).row({"-", "", "dense"}).text(80);
  EXPECT_EQ(text,
            "      a   b  c\n"
            "──────────────────\n"
            "12.5 ms  -3  4:8\n"
            "      -      dense\n");
}

TEST(Table, CountsWideAndCombiningCharactersAsTheTerminalShowsThem) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("µm²"), 3);
  EXPECT_EQ(display_width("模型"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1);
  const auto lines = lines_of(Table({"name", "n"}).row({"模型", "1"}).row({"e\u0301te\u0301", "2"}).text(80));
  EXPECT_EQ(lines[2], "模型  1");
  EXPECT_EQ(lines[3], "e\u0301te\u0301   2");
}

TEST(Table, ShortensTextInTheMiddleButNeverANumber) {
  const auto lines =
      lines_of(Table({"matrix", "weights"}).row({"model.layers.0.self_attn.q_proj", "331,776"}).text(26));
  EXPECT_EQ(lines[2], "model.la…n.q_proj  331,776");
  EXPECT_EQ(display_width(lines[2]), 26);
}

TEST(Table, StopsShorteningAtEightColumns) {
  const auto lines = lines_of(Table({"matrix", "w"}).row({"abcdefghijklmnop", "123456789"}).text(10));
  EXPECT_EQ(lines[2], "abc…mnop  123456789");
}

TEST(Table, LeavesEverythingWholeAtWidthZero) {
  const std::string name(300, 'x');
  EXPECT_THAT(Table({"a", "b"}).row({name, "1"}).text(0), testing::HasSubstr(name + "  1\n"));
}

TEST(Table, ShowsControlCharactersAndInvalidBytesAsReplacements) {
  const auto text = Table({"a"}).row({"x\x1b[31m\ny\xff\u202e"}).text(80);
  EXPECT_THAT(text, testing::HasSubstr("x\uFFFD[31m\uFFFDy\uFFFD\uFFFD\n"));
}

TEST(Table, DrawsRulesAcrossItsWholeWidth) {
  const auto lines = lines_of(Table({"a", "b"}).row({"1", "2"}).rule().row({"3", "4"}).text(80));
  EXPECT_EQ(lines[3], "────");
  EXPECT_EQ(lines[1], lines[3]);
}

TEST(Table, FitsEveryWidthThatItsNumbersAllow) {
  std::mt19937 random(7);
  const std::vector<std::string> letters = {"a", "é", "模", "e\u0301", "-", "."};
  for (int round = 0; round < 300; ++round) {
    Table table({"name", "also a name", "n"});
    for (int row = 0; row < 3; ++row) {
      std::string names[2];
      for (auto& name : names)
        for (unsigned length = random() % 40; length > 0; --length) name += letters[random() % letters.size()];
      table.row({names[0] + "x", names[1] + "x", "12345"});
    }
    const int width = 8 + 8 + 5 + 2 * 2 + static_cast<int>(random() % 60);
    for (const auto& line : lines_of(table.text(width))) EXPECT_LE(display_width(line), width) << line;
  }
}

}  // namespace
}  // namespace sparsecim

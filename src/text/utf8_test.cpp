#include "text/utf8.hpp"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#include <random>

#include "text/byte_alphabet.hpp"

namespace sparsecim {
namespace {

/// By the library as a whole, which orders marks by itself.
std::string utf8procs_nfc(const std::string& text) {
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> normal(
      utf8proc_NFC(reinterpret_cast<const utf8proc_uint8_t*>(text.c_str())), &std::free);
  return reinterpret_cast<const char*>(normal.get());
}

TEST(Utf8, PutsTextsIntoNormalFormC) {
  EXPECT_EQ(to_nfc("plain"), "plain");
  EXPECT_EQ(to_nfc("caf\u00E9 cafe\u0301"), "caf\u00E9 caf\u00E9");
  EXPECT_EQ(to_nfc("\u1100\u1161\u11A8"), "\uAC01");    // Hangul
  EXPECT_EQ(to_nfc("a\u0307\u0323"), "\u1EA1\u0307");   // ordered first: the dot below is of a lower class
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093C");          // excluded from composition
  EXPECT_EQ(to_nfc("\u212B \u2126"), "\u00C5 \u03A9");  // singletons
  EXPECT_EQ(to_nfc("\uFB01"), "\uFB01");                // compatibility only
  EXPECT_EQ(to_nfc(std::string("a\0e\u0301", 5)), std::string("a\0\u00E9", 4));
}

TEST(Utf8, GivesNormalFormCOfAnyTextAsTheLibraryDoes) {
  std::vector<char32_t> interesting;
  for (char32_t c = 1; c < 0x110000; ++c)
    if ((c < 0xD800 || c > 0xDFFF) && to_nfc(to_utf8(c)) != to_utf8(c)) interesting.push_back(c);
  for (char32_t c = 0x300; c < 0x370; ++c) interesting.push_back(c);
  for (char32_t c = 'A'; c < 0x250; ++c) interesting.push_back(c);
  for (char32_t c = 0x1100; c < 0x1200; ++c) interesting.push_back(c);
  std::mt19937 random(17);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (std::size_t n = 1 + random() % 12; n > 0; --n) text += to_utf8(interesting[random() % interesting.size()]);
    ASSERT_EQ(to_nfc(text), utf8procs_nfc(text)) << "round " << round;
  }
}

TEST(Utf8, KnowsWhereAWordBeginsAndEnds) {
  for (const char* word : {"a", "Z", "0", "_", "\u00E9", "\u4E2D", "\u0301", "\u200D", "\u2160", "\u24B6"}) {
    EXPECT_TRUE(begins_with_word(word)) << word;
    EXPECT_TRUE(ends_with_word(word)) << word;
  }
  for (const char* other : {"", " ", "-", "\u00BD", "\u3000", "\x80", "\xC3", "\U0001F600"}) {
    EXPECT_FALSE(begins_with_word(other)) << other;
    EXPECT_FALSE(ends_with_word(other)) << other;
  }
}

TEST(Utf8, ValidPrefixEndsAtTheFirstBadByte) {
  EXPECT_EQ(valid_utf8_prefix(""), 0u);
  EXPECT_EQ(valid_utf8_prefix("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), 10u);
  EXPECT_EQ(valid_utf8_prefix("a\xC3"), 1u);             // cut off
  EXPECT_EQ(valid_utf8_prefix("ab\x80"), 2u);            // a continuation of nothing
  EXPECT_EQ(valid_utf8_prefix("\xC0\xAF"), 0u);          // overlong '/'
  EXPECT_EQ(valid_utf8_prefix("\xED\xA0\x80"), 0u);      // a surrogate
  EXPECT_EQ(valid_utf8_prefix("\xF4\x90\x80\x80"), 0u);  // U+110000
  EXPECT_EQ(valid_utf8_prefix("\xF4\x8F\xBF\xBF"), 4u);  // U+10FFFF
  EXPECT_EQ(valid_utf8_prefix(std::string_view("\0a", 2)), 2u);
}

TEST(Utf8, CodePointsGoThereAndBack) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const CodePoint back = first_code_point(to_utf8(c) + "x");
    ASSERT_EQ(back.value, c);
    ASSERT_EQ(back.bytes, to_utf8(c).size());
  }
}

TEST(Utf8, StripsTheWhiteSpaceOfUnicodeAndNothingElse) {
  EXPECT_EQ(strip_white_space(" \t\r\n\v\f a b \xC2\x85\xC2\xA0\xE3\x80\x80\xE2\x80\xA8"), "a b");
  EXPECT_EQ(strip_white_space("\xE1\xA0\x8E"), "\xE1\xA0\x8E");  // U+180E is none any more
  EXPECT_EQ(strip_white_space(" \n"), "");
  EXPECT_EQ(strip_white_space(""), "");
}

TEST(Utf8, WhiteSpaceEndsAtBytesThatAreNotUtf8) {
  EXPECT_EQ(leading_white_space(" \x80 a"), 1u);
  EXPECT_EQ(trailing_white_space("a\x80 "), 1u);
  EXPECT_EQ(trailing_white_space("\xA0"), 0u);  // the second half of U+00A0 is not white space
}

TEST(Utf8, ReplacesEveryOccurrence) {
  EXPECT_EQ(replace_all(" a  b ", " ", "__"), "__a____b__");
  EXPECT_EQ(replace_all("aaa", "aa", "b"), "ba");
  EXPECT_EQ(replace_all("", "a", "b"), "");
}

TEST(ByteAlphabet, WritesEveryByteAsACharacterOfItsOwn) {
  EXPECT_EQ(printable_byte('A'), "A");
  EXPECT_EQ(printable_byte(' '), "\xC4\xA0");   // U+0120, GPT-2's mark of a space
  EXPECT_EQ(printable_byte('\n'), "\xC4\x8A");  // U+010A
  EXPECT_EQ(printable_byte(0xAD), "\xC5\x83");  // U+0143: the soft hyphen is the last that does not print
  std::string all, printable;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    printable += printable_byte(static_cast<unsigned char>(byte));
  }
  EXPECT_EQ(bytes_of_printable(printable), all);
}

TEST(ByteAlphabet, DoesNotReadOtherCharacters) {
  EXPECT_FALSE(bytes_of_printable("a b"));
  EXPECT_FALSE(bytes_of_printable("\xC5\x84"));  // U+0144, one behind the last
  EXPECT_FALSE(bytes_of_printable("\xE4\xB8\xAD"));
  EXPECT_FALSE(bytes_of_printable("\xFF"));
}

}  // namespace
}  // namespace sparsecim

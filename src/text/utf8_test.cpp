#include "text/utf8.hpp"

#include <gtest/gtest.h>

#include "text/byte_alphabet.hpp"

namespace sparsecim {
namespace {

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

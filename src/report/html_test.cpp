#include "report/html.hpp"

#include <gtest/gtest.h>

#include "report/test_markup.hpp"

namespace sparsecim::report {
namespace {

TEST(Html, EscapesEveryCharacterThatMarkupGivesAMeaning) {
  EXPECT_EQ(Html("<b a=\"x\" b='y'>&</b>").str(), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/b&gt;");
}

TEST(Html, EscapesAttributes) {
  EXPECT_EQ(element("a", {{"title", "\"><script>"}}, "x").str(), "<a title=\"&quot;&gt;&lt;script&gt;\">x</a>");
}

TEST(Html, ReplacesWhatNoPageMayHold) {
  EXPECT_EQ(Html(std::string_view("a\0b\x1b\xff\xe2\x80\xae\xef\xbf\xbf", 11)).str(), "a�b����");
  EXPECT_EQ(Html("two\nlines\tand a tab").str(), "two lines and a tab");
}

TEST(Html, KeepsTextOfEveryScript) { EXPECT_EQ(Html("µm² 模型 …").str(), "µm² 模型 …"); }

TEST(Html, NestsMarkupWithoutEscapingItTwice) {
  EXPECT_EQ(element("p", {}, "a < ", element("b", {}, "b & c")).str(), "<p>a &lt; <b>b &amp; c</b></p>");
}

TEST(Html, ClosesVoidElementsAndShapesByThemselvesAndNothingElse) {
  EXPECT_EQ(element("meta", {{"charset", "utf-8"}}).str(), "<meta charset=\"utf-8\"/>");
  EXPECT_EQ(element("i", {}, "").str(), "<i></i>") << "HTML would take <i/> for an opening tag";
}

TEST(Html, LeavesOutAttributesWithoutAValue) { EXPECT_EQ(element("tr", {{"class", ""}}, "x").str(), "<tr>x</tr>"); }

TEST(MarkupReader, ComplainsOfEveryKindOfDamage) {
  EXPECT_EQ(test_markup::complaint("<p class=\"a\">x<br/>&amp;</p>"), "");
  for (const char* damaged : {"<p>", "</p>", "<p></b>", "<p><b></p></b>", "a & b", "a < b", "a > b", "<p class=x></p>",
                              "<p class=\"></p>", "<p class=\"<\"></p>", "<p", "<script>x", "\x01"})
    EXPECT_NE(test_markup::complaint(damaged), "") << damaged;
}

}  // namespace
}  // namespace sparsecim::report

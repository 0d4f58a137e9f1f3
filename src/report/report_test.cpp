#include "report/report.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <regex>
#include <sstream>

#include "base/file.hpp"
#include "base/hash.hpp"
#include "report/sections.hpp"
#include "report/table.hpp"
#include "report/test_markup.hpp"
#include "report/test_record.hpp"
#include "report/verdict.hpp"

namespace sparsecim {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::string page_of(const Json& record) {
  auto page = render_report(record);
  EXPECT_TRUE(page) << page.error().line();
  return page ? *page : "";
}

/// Calls visit(value) on `json` and everything in it.
void visit_all(Json& json, const std::function<void(Json&)>& visit) {
  if (json.is_structured())
    for (auto& child : json) visit_all(child, visit);
  visit(json);
}

/// A record in which every text but the schema is `text`.
Json with_every_text(const std::string& text) {
  Json record = test_record::record(2);
  visit_all(record, [&](Json& value) {
    if (value.is_string()) value = text;
  });
  record["schema"] = "sparsecim.record/1";
  return record;
}

Json with_every_number(const Json& number) {
  Json record = test_record::record(2);
  visit_all(record, [&](Json& value) {
    if (value.is_number()) value = number;
  });
  for (auto& list : {&record["selection"]["blocks"], &record["selection"]["matrices"]})
    for (auto& element : *list) element["block"] = 0;
  for (auto& stage : record["stages"]) stage["seconds"] = 1;
  return record;
}

TEST(Report, IsWellFormed) { EXPECT_EQ(test_markup::complaint(page_of(test_record::record())), ""); }

TEST(Report, ShowsEveryPartOfTheRecord) {
  const auto page = page_of(test_record::record());
  for (const char* expected :
       {"SmolLM2-135M-Instruct at 50 % sparsity on flexcim", "FLOW is better than Uniform 4:8",
        "Least flattering of 16", "at equal effective sparsity", "25.48", "pair selection",
        "model.layers.29.mlp.down_proj: 4:8", "calibration.txt: 32 samples of 512 tokens",
        "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", "differences below 1 % of perplexity",
        "AMD EPYC", "Of every M consecutive input weights"})
    EXPECT_THAT(page, HasSubstr(expected));
}

TEST(Report, IsHeadedByThePlansOwnSparsityWhereNoneWasAskedFor) {
  Json record = test_record::record();
  record["request"]["sparsity"] = nullptr;
  record["selection"]["slack"] = nullptr;
  for (Json& variant : record["variants"])
    if (variant["name"] == record["request"]["method"]) variant["sparsity"] = 0.571;
  const auto page = page_of(record);
  EXPECT_THAT(page, HasSubstr("SmolLM2-135M-Instruct at 57.1 % sparsity on flexcim"));
  EXPECT_THAT(page, Not(HasSubstr("above the requested sparsity")));
}

TEST(Report, ShowsTheParetoFrontAndWhatIsDominated) {
  const auto page = page_of(test_record::record());
  for (const char* expected :
       {"The Pareto front", "dominated by FLOW at 50 %", "Perplexity against decoding latency",
        "At equal stored bytes, 96.6 MiB: FLOW at 50 % has perplexity 25.48, dense 18.12 (interpolated between Dense "
        "4-bit weights and Dense 5-bit weights).",
        "At equal sparsity, 50.0 %: FLOW at 50 % has perplexity 25.48, uniform 27.91 (Uniform 4:8)."})
    EXPECT_THAT(page, HasSubstr(expected));
}

TEST(Report, HasNoParetoFrontWithoutPlansToCompare) {
  Json record = test_record::record();
  record["pareto"] = nullptr;
  EXPECT_THAT(page_of(record), Not(HasSubstr("id=\"pareto\"")));
  EXPECT_THAT(page_of(record),
              HasSubstr("Stored bytes are not equal: FLOW takes 96.6 MiB, Dense 4-bit weights 84.0 MiB"));
  EXPECT_THAT(*render_report_text(record), Not(HasSubstr("Pareto")));
}

TEST(Report, HoldsTheRoundedDenseModelBesideThePrunedOnes) {
  const Json record = test_record::record();
  EXPECT_THAT(page_of(record), HasSubstr("Dense 4-bit weights"));
  EXPECT_THAT(*render_report_text(record), HasSubstr("Dense int8"));
  EXPECT_EQ(report::cast_of(report::record_from_json(record).value()).rival->label, "Uniform 4:8");
}

TEST(Report, LoadsNothingFromAnywhere) {
  const auto page = page_of(test_record::record());
  for (const char* loads : {"http:", "https:", " src=", "url(", "@import", "<iframe", "<object", "<embed", "<base"})
    EXPECT_THAT(page, Not(HasSubstr(loads)));
  static const std::regex kLink("href=\"([^\"]*)\"");
  for (std::sregex_iterator link(page.begin(), page.end(), kLink), end; link != end; ++link)
    EXPECT_THAT((*link)[1].str(), AnyOf(testing::StartsWith("#"), "data:,"));
}

TEST(Report, LinksOnlyToWhatIsOnThePage) {
  const auto page = page_of(test_record::record());
  static const std::regex kLink("href=\"#([^\"]*)\"");
  int links = 0;
  for (std::sregex_iterator link(page.begin(), page.end(), kLink), end; link != end; ++link, ++links)
    EXPECT_THAT(page, HasSubstr("id=\"" + (*link)[1].str() + "\""));
  EXPECT_GT(links, 20);
}

TEST(Report, ShowsHostileNamesAsText) {
  const std::string hostile = "</style></script><script>alert('x')</script><img src=x onerror=\"y\">&amp;";
  const auto page = page_of(with_every_text(hostile));
  EXPECT_EQ(test_markup::complaint(page), "");
  test_markup::Reader reader(page);
  reader.complaint();
  EXPECT_EQ(reader.count("script"), 1u);
  EXPECT_EQ(reader.count("style"), 1u);
  EXPECT_EQ(reader.count("img"), 0u);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)"));
}

TEST(Report, IsWellFormedForNamesThatAreNoText) {
  for (const std::string name :
       {"", "\xff\xfe", "\x1b]0;title\x07", "\xe2\x80\xae\xe2\x80\xa8", "\n\n", "a\xcc\x81\xcc\x81"})
    EXPECT_EQ(test_markup::complaint(page_of(with_every_text(name))), "") << name;
}

TEST(Report, AllowsOnlyItsOwnScriptToRun) {
  const auto page = page_of(test_record::record());
  const auto begin = page.find("<script>") + 8;
  const std::string digest = sha256(std::string_view(page).substr(begin, page.find("</script>") - begin));
  std::string bits, base64;
  for (const char c : digest) bits += fmt::format("{:04b}", std::stoi(std::string(1, c), nullptr, 16));
  bits += "00";  // 256 bits and two of padding are 43 letters and one "="
  for (std::size_t at = 0; at < bits.size(); at += 6)
    base64 +=
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[std::stoi(bits.substr(at, 6), nullptr, 2)];
  EXPECT_THAT(page, HasSubstr("script-src &#39;sha256-" + base64 + "=&#39;"));
}

TEST(Report, StaysWellFormedForEveryNumber) {
  for (const Json& number : {Json(nullptr), Json(std::nan("")), Json(INFINITY), Json(0), Json(-1), Json(1e308),
                             Json(-1e308), Json(5e-324), Json(UINT64_MAX), Json(INT64_MIN)}) {
    const auto page = page_of(with_every_number(number));
    EXPECT_EQ(test_markup::complaint(page), "") << number;
    for (const char* broken : {"\"nan", "\"inf", "\"-inf", ">nan", ">inf", ">-inf"})
      EXPECT_THAT(page, Not(HasSubstr(broken))) << number;
  }
}

TEST(Report, IsSensibleWithoutAnyOptionalPart) {
  const Json least = {{"schema", "sparsecim.record/1"}, {"model", {{"name", "tiny"}}}, {"variants", Json::array()}};
  const auto page = page_of(least);
  EXPECT_EQ(test_markup::complaint(page), "");
  for (const char* expected : {"<h1>tiny</h1>", "there is nothing to judge", "No model was evaluated",
                               "No machine was simulated", "no selection of patterns"})
    EXPECT_THAT(page, HasSubstr(expected));
  EXPECT_THAT(page, Not(HasSubstr("–"))) << "no tables of dashes";
}

/// Every member of every object in the record, as a JSON pointer.
void collect_members(const Json& json, const std::string& at, std::vector<std::string>& into) {
  if (json.is_array())
    for (std::size_t i = 0; i < json.size(); ++i) collect_members(json[i], at + "/" + std::to_string(i), into);
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items()) {
    into.push_back(at + "/" + key);
    collect_members(value, at + "/" + key, into);
  }
}

TEST(Report, GivesAWellFormedPageOrNamesTheKeyWhateverIsMissing) {
  const Json whole = test_record::record(1);
  std::vector<std::string> members;
  collect_members(whole, "", members);
  int pages = 0, errors = 0;
  for (const auto& member : members) {
    const Json::json_pointer pointer(member);
    Json record = whole;
    record[pointer.parent_pointer()].erase(pointer.back());
    const auto page = render_report(record);
    page ? ++pages : ++errors;
    if (page)
      EXPECT_EQ(test_markup::complaint(*page), "") << member;
    else
      EXPECT_THAT(page.error().what, HasSubstr("'" + pointer.back() + "' is missing"));
  }
  EXPECT_GT(pages, 200);
  EXPECT_GT(errors, 20);
}

TEST(Report, GivesAWellFormedPageOrNamesTheKeyWhateverHasAnotherType) {
  const Json whole = test_record::record(1);
  std::vector<std::string> members;
  collect_members(whole, "", members);
  for (const auto& member : members)
    for (const Json& other : {Json(7), Json("text"), Json(true), Json::array({1}), Json{{"a", 1}}}) {
      const Json::json_pointer pointer(member);
      Json record = whole;
      record[pointer] = other;
      const auto page = render_report(record);
      if (page)
        EXPECT_EQ(test_markup::complaint(*page), "") << member;
      else
        EXPECT_THAT(page.error().what, AnyOf(HasSubstr("'" + pointer.back() + "'"), HasSubstr(pointer.back() + ":"),
                                             HasSubstr(pointer.back() + "[")))
            << member;
    }
}

TEST(Report, IsSmallAndQuickForAHundredBlocks) {
  const Json record = test_record::record(100);
  const auto start = std::chrono::steady_clock::now();
  const auto page = page_of(record);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(test_markup::complaint(page), "");
  EXPECT_LT(page.size(), 1'000'000u);
  EXPECT_LT(seconds.count(), 5) << "0.02 s on one core of 2024";
}

TEST(Report, TakesBlocksAndLinearsOfAnyNumberAndName) {
  Json record = test_record::record(2);
  auto& matrices = record["selection"]["matrices"];
  matrices[0]["block"] = INT64_MAX;
  for (int i = 0; i < 40; ++i)
    matrices.push_back(matrices[1]), matrices.back()["linear"] = "linear" + std::to_string(i);
  EXPECT_EQ(test_markup::complaint(page_of(record)), "");
}

TEST(Report, GivesTheSamePageForARecordReadBackFromItsFile) {
  const Json record = test_record::record(3);
  EXPECT_EQ(page_of(record), page_of(*parse_json(record.dump())));
}

TEST(ReportCommand, IsWhatTheUserTyped) {
  const auto record = report::record_from_json(test_record::record(1));
  ASSERT_TRUE(record);
  EXPECT_EQ(report::command_of(record->provenance),
            "sparsecim codesign smollm2-135m-instruct-q4_1.gguf --sparsity 0.5 --arch flexcim --text 'my corpus/plain "
            "english.txt' --samples 32 --length 512 --seed 0 -o run");
}

TEST(ReportCommand, QuotesForTheShell) {
  report::Provenance provenance;
  provenance.verb = "codesign";
  provenance.options = {{"model", "it's; rm -rf $HOME"},
                        {"force", true},
                        {"max_tokens", 16000},
                        {"options", {"2:4", "dense"}},
                        {"split", ""}};
  EXPECT_EQ(report::command_of(provenance),
            "sparsecim codesign 'it'\\''s; rm -rf $HOME' --force --max-tokens 16000 --options 2:4,dense");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(ReportText, FitsAHundredColumns) {
  const auto text = render_report_text(test_record::record());
  ASSERT_TRUE(text);
  for (const auto& line : lines_of(*text)) EXPECT_LE(display_width(line), 100) << line;
}

TEST(ReportText, FitsAHundredColumnsForLongLabelsToo) {
  Json record = test_record::record();
  for (auto& variant : record["variants"])
    variant["label"] = std::string(70, 'x') + variant["label"].get<std::string>();
  const auto text = render_report_text(record);
  ASSERT_TRUE(text);
  const auto lines = lines_of(*text);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_LE(display_width(lines[i]), 100) << lines[i];
}

TEST(ReportText, HoldsBothTablesAndTheVerdict) {
  const auto text = render_report_text(test_record::record());
  ASSERT_TRUE(text);
  for (const char* expected :
       {"FLOW                   50.0 %", "27.91", "decode   FLOW         flexcim", "FLOW is better than Uniform 4:8",
        "- Least flattering of 16 comparisons", "note: Weights were stored as Q4_1"})
    EXPECT_THAT(*text, HasSubstr(expected));
}

TEST(ReportText, PrintsNoControlCharacters) {
  const auto text = render_report_text(with_every_text("a\x1b[31m\nb"));
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
}

TEST(ReportText, NamesAMissingKey) {
  EXPECT_EQ(render_report_text(Json::object()).error().what, "record: 'schema' is missing");
}

/// For people: SPARSECIM_REPORT_OUT names a folder that gets pages to look at.
TEST(Report, WritesPagesToLookAt) {
  const char* folder = std::getenv("SPARSECIM_REPORT_OUT");
  if (folder == nullptr) GTEST_SKIP() << "SPARSECIM_REPORT_OUT is not set";
  Json worse = test_record::record();
  worse["variants"][2]["quality"]["perplexity"] = 61.4;
  const std::pair<const char*, Json> records[] = {
      {"usual", test_record::record()},
      {"large", test_record::record(100)},
      {"worse", worse},
      {"hostile", with_every_text("<script>alert(1)</script>")},
      {"least", {{"schema", "sparsecim.record/1"}, {"model", {{"name", "tiny"}}}, {"variants", Json::array()}}}};
  for (const auto& [name, record] : records)
    ASSERT_TRUE(write_text_file(std::filesystem::path(folder) / fmt::format("report-{}.html", name), page_of(record)));
}

}  // namespace
}  // namespace sparsecim

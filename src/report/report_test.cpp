#include "report/report.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/file.hpp"
#include "report/test_record.hpp"

namespace sparsecim {
namespace {

/// For people: SPARSECIM_REPORT_OUT names a folder that gets pages to look at.
TEST(Report, WritesPagesToLookAt) {
  const char* folder = std::getenv("SPARSECIM_REPORT_OUT");
  if (folder == nullptr) GTEST_SKIP() << "SPARSECIM_REPORT_OUT is not set";
  for (const int blocks : {30, 100}) {
    const auto record = test_record::record(blocks);
    const auto path = std::filesystem::path(folder) / fmt::format("report-{}.html", blocks);
    const auto page = render_report(record);
    ASSERT_TRUE(page) << page.error().line();
    ASSERT_TRUE(write_text_file(path, *page));
  }
  fmt::print("{}", *render_report_text(test_record::record()));
}

}  // namespace
}  // namespace sparsecim

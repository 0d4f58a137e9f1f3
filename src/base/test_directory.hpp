#pragma once

// A place for the files of a test: what the tests of every room share.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace sparsecim::test_files {

/// A directory of its own for each test.
class TemporaryDirectory : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    directory_ =
        std::filesystem::path(testing::TempDir()) / fmt::format("{}.{}", test->test_suite_name(), test->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

}  // namespace sparsecim::test_files

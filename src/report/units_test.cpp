#include "report/units.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sparsecim::report {
namespace {

TEST(Units, ShowThreeSignificantDigits) {
  EXPECT_EQ(format_significant(0), "0");
  EXPECT_EQ(format_significant(0.0123456), "0.0123");
  EXPECT_EQ(format_significant(1), "1.00");
  EXPECT_EQ(format_significant(-17.26), "-17.3");
  EXPECT_EQ(format_significant(999.4), "999");
  EXPECT_EQ(format_significant(1234567), "1,234,567");
  EXPECT_EQ(format_significant(2.5e20), "2.5e+20");
  EXPECT_EQ(format_significant(2.5e-7), "2.5e-07");
}

TEST(Units, RoundBeforeTheyChooseTheDecimals) {
  EXPECT_EQ(format_significant(9.994), "9.99");
  EXPECT_EQ(format_significant(9.996), "10.0");
  EXPECT_EQ(format_significant(99.96), "100");
}

TEST(Units, LeaveWholeNumbersWhole) {
  EXPECT_EQ(format_number(64), "64");
  EXPECT_EQ(format_number(49152), "49,152");
  EXPECT_EQ(format_number(100 * 0.07), "7");
  EXPECT_EQ(format_number(0.5), "0.500");
}

TEST(Units, ChangeTheUnitWhenTheShownValueReachesAThousand) {
  EXPECT_EQ(format_time(999), "999 ns");
  EXPECT_EQ(format_time(999.4), "999 ns");
  EXPECT_EQ(format_time(999.6), "1.00 µs");
  EXPECT_EQ(format_time(1.5e6), "1.50 ms");
  EXPECT_EQ(format_time(2e9), "2.00 s");
  EXPECT_EQ(format_energy(0.5), "0.500 pJ");
  EXPECT_EQ(format_energy(14.1e6), "14.1 µJ");
  EXPECT_EQ(format_energy(3.61e9), "3.61 mJ");
  EXPECT_EQ(format_energy(7e12), "7.00 J");
}

TEST(Units, ShowAreasOfMacrosInSquareMillimetres) {
  EXPECT_EQ(format_area(9999), "9,999 µm²");
  EXPECT_EQ(format_area(10000), "0.0100 mm²");
  EXPECT_EQ(format_area(13.4e6), "13.4 mm²");
}

TEST(Units, ShowSharesSizesAndPerplexities) {
  EXPECT_EQ(format_percent(0.3946), "39.5 %");
  EXPECT_EQ(format_round_percent(0.5), "50 %");
  EXPECT_EQ(format_round_percent(0.125), "12.5 %");
  EXPECT_EQ(format_size(101337600), "96.6 MiB");
  EXPECT_EQ(format_perplexity(17.2345), "17.23");
  EXPECT_EQ(format_perplexity(123.45), "123.5");
  EXPECT_EQ(format_perplexity(123456.7), "123,457");
}

TEST(Units, DescribeRatiosFromBothSides) {
  EXPECT_EQ(describe_ratio(0.5), "2.00× lower");
  EXPECT_EQ(describe_ratio(1.5, "smaller", "larger"), "1.50× larger");
  EXPECT_EQ(describe_change(0.9), "10.0 % lower");
  EXPECT_EQ(describe_change(1.25), "25.0 % higher");
  EXPECT_EQ(describe_change(3), "3.00× higher");
}

TEST(Units, CallTheSameWhatDiffersByLessThanHalfAPercent) {
  EXPECT_EQ(describe_ratio(1.0049), "the same");
  EXPECT_EQ(describe_ratio(0.9951), "the same");
  EXPECT_EQ(describe_ratio(1.0051), "1.01× higher");
  EXPECT_EQ(describe_change(0.9949), "0.5 % lower");
}

TEST(Units, SurviveEveryDouble) {
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL, std::numeric_limits<double>::max(),
                             std::numeric_limits<double>::denorm_min(), -1e300, 1e15, -0.0})
    for (auto* format : {format_significant, format_number, format_loss, format_perplexity, format_time, format_energy,
                         format_area, format_percent, format_round_percent, format_size, format_times}) {
      const std::string text = format(value);
      EXPECT_FALSE(text.empty());
      EXPECT_LT(text.size(), 400u) << text;
    }
}

}  // namespace
}  // namespace sparsecim::report

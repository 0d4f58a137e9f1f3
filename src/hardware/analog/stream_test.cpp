#include "hardware/analog/stream.hpp"

#include <gtest/gtest.h>

namespace sparsecim {
namespace {

const std::string kPlan(64, 'a');

/// Two arrays of 8 x 16, two converters each; inputs in buffer 0, results in buffer 1.
const std::string kText = "sparsecim-stream 1\nplan " + kPlan +
                          "\narrays 2 8 16 2\nbuffer 8\nbuffer 32\n"
                          "# the rows of block 0, then of block 1, of four inputs each\n"
                          "activate 0 0:8 0 0:8:2:4:1 8\n"
                          "convert 0 4:4 5 3\n"
                          "store 0 1 0:4:8\n"
                          "\n"
                          "activate 1 1:4:2 0 4:4 8\n"
                          "convert 1 0:16 5 0\n"
                          "accumulate 1 1 16:16\n"
                          "barrier\n";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kText;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& text) {
  const auto stream = parse_stream(text);
  return stream ? "accepted" : stream.error().line();
}

TEST(CommandStream, SurvivesBothForms) {
  const CommandStream stream = parse_stream(kText).value();
  EXPECT_EQ(stream.commands.size(), 7u);
  EXPECT_EQ(stream.commands[0].addresses, (Strided{0, 8, 2, 4, 1}));
  EXPECT_EQ(stream.commands[0].addresses.at(5), 3);
  EXPECT_EQ(stream.commands[0].addresses.last(), 7);
  EXPECT_EQ(parse_stream(to_text(stream)).value(), stream);
  EXPECT_EQ(parse_stream(to_binary(stream)).value(), stream);
  EXPECT_LT(to_binary(stream).size(), to_text(stream).size());
}

TEST(CommandStream, WhatTheHeaderDoesNotHaveIsRefused) {
  EXPECT_EQ(error_of(with("activate 0", "activate 2")), "command 1: array 2 of 2");
  EXPECT_EQ(error_of(with("0:8 0 0:8:2:4:1", "1:8 0 0:8:2:4:1")), "command 1: row 8 of 8");
  EXPECT_EQ(error_of(with("0:8 0 0:8:2:4:1", "0:9 0 0:9")), "command 1: 9 rows of 8");
  EXPECT_EQ(error_of(with("convert 0 4:4", "convert 0 13:4")), "command 2: column 16 of 16");
  EXPECT_EQ(error_of(with("store 0 1", "store 0 2")), "command 3: buffer 2 of 2");
  EXPECT_EQ(error_of(with("store 0 1 0:4:8", "store 0 1 0:4:11")), "command 3: address 33 of a buffer of 32");
  EXPECT_EQ(error_of(with("store 0 1 0:4:8", "store 0 1 0:5:1")), "command 3: 5 addresses for 4 cells");
}

TEST(CommandStream, RowsAndColumnsComeOnceInACommand) {
  EXPECT_EQ(error_of(with("activate 1 1:4:2", "activate 1 1:4:0")), "command 4: row 1 twice");
  EXPECT_EQ(error_of(with("convert 1 0:16", "convert 1 0:16:1:8:4")), "command 5: column 4 twice");
}

TEST(CommandStream, CommandsFollowEachOtherAsTheHardwareNeedsThem) {
  EXPECT_EQ(error_of(with("activate 1 1:4:2 0 4:4 8\n", "")), "command 4: array 1 converts and was not activated");
  EXPECT_EQ(error_of(with("convert 1 0:16 5 0\n", "")), "command 5: array 1 stores and has converted nothing");
  EXPECT_EQ(error_of(with("store 0 1 0:4:8\n", "convert 0 0:4 5 3\n")),
            "command 3: array 0 has converted sums that were not stored");
  EXPECT_EQ(error_of(kText + "activate 0 0:8 1 0:8 8\n"), "accepted") << "behind the barrier";
  EXPECT_EQ(error_of(with("activate 1 1:4:2 0", "activate 1 1:4:2 1")),
            "command 4: buffer 1 is read and was written behind the last barrier; put a barrier in front");
}

TEST(CommandStream, ConvertersThatDoNotDivideTheColumnsAreRefusedWithTheNearestNumberThatDoes) {
  EXPECT_EQ(error_of(with("arrays 2 8 16 2", "arrays 2 8 16 3")),
            "header: 3 converters do not share 16 columns evenly; choose 2");
  EXPECT_EQ(nearest_adcs(256, 10), 8);
  EXPECT_EQ(nearest_adcs(256, 1000), 256);
  EXPECT_EQ(nearest_adcs(256, -5), 1);
}

TEST(CommandStream, LinesThatAreNoCommandsAreRefusedWithTheirNumber) {
  EXPECT_EQ(error_of("sparsecim-streams 1\n"),
            "no command stream; its first line is 'sparsecim-stream 1', or its first bytes are SCSTRM");
  EXPECT_EQ(error_of(with("barrier", "barier")),
            "line 14: 'barier' is no command; allowed: plan, arrays, buffer, activate, convert, store, accumulate, "
            "barrier");
  EXPECT_EQ(error_of(with("convert 0 4:4 5 3", "convert 0 4:x 5 3")), "line 8: 'x' is no number");
  EXPECT_EQ(error_of(with("convert 0 4:4 5 3", "convert 0 4:4:1:2 5 3")),
            "line 8: 4 numbers in a range; write first:count[:stride[:run:outer]]");
  EXPECT_EQ(error_of(with("convert 0 4:4 5 3", "convert 0 4:4 5")), "line 8: '' is no number");
  EXPECT_EQ(error_of(with("barrier", "barrier 1")), "line 14: '1' is too much");
  EXPECT_EQ(error_of(with(kPlan, "abc")), "header: the plan is no SHA-256 in hexadecimal");
}

TEST(CommandStream, HugeAndNegativeNumbersAreRefused) {
  for (const std::string huge : {"99999999999", "9223372036854775807", "-1"}) {
    EXPECT_NE(error_of(with("0:8:2:4:1", "0:8:2:4:" + huge)), "accepted");
    EXPECT_NE(error_of(with("0:8:2:4:1", huge + ":8")), "accepted");
    EXPECT_NE(error_of(with("arrays 2", "arrays " + huge)), "accepted");
    EXPECT_NE(error_of(with("buffer 8", "buffer " + huge)), "accepted");
    EXPECT_NE(error_of(with("1:4:2 0 4:4 8", "1:4:2 0 4:4 " + huge)), "accepted");
  }
  EXPECT_NE(error_of(with("activate 1 1:4:2", "activate 1 1:4:9223372036854775808")), "accepted");
}

TEST(CommandStream, BinaryFilesThatAreCutOffAreRefusedOrEndBetweenCommands) {
  const std::string bytes = to_binary(parse_stream(kText).value());
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) accepted += parse_stream(bytes.substr(0, size)).has_value();
  EXPECT_EQ(accepted, 7u) << "the header alone, and behind each command but the last";
  EXPECT_FALSE(parse_stream(bytes + '\x05')) << "no such command";
}

}  // namespace
}  // namespace sparsecim

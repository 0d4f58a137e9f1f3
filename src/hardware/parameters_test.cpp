#include "hardware/parameters.hpp"

#include <gtest/gtest.h>

#include <random>

#include "base/embedded.hpp"
#include "base/file.hpp"
#include "hardware/flexcim/flexcim.hpp"
#include "hardware/simulate.hpp"

namespace sparsecim {
namespace {

std::string shipped(const std::string& name) {
  for (const EmbeddedFile& file : embedded_files())
    if (file.path == "arch/" + name + ".yaml") return std::string(file.content);
  return {};
}

/// `flexcim.yaml` with one text replaced by another, opened from a file; the error's line, or nothing.
std::string error_after(const std::string& from, const std::string& to, const std::string& name = "flexcim") {
  std::string text = shipped(name);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  const auto path = std::filesystem::path(testing::TempDir()) /
                    (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".machine.yaml");
  EXPECT_TRUE(write_text_file(path, text));
  const auto machine = open_machine(path.string());
  if (machine) return {};
  std::string line = machine.error().line();
  if (const auto start = line.find("machine.yaml"); start != std::string::npos) line = line.substr(start);
  return line;
}

TEST(MachineDescription, OfEveryShippedMachineOpens) {
  const auto names = machine_names();
  EXPECT_GE(names.size(), 2u);
  for (const std::string& name : names) EXPECT_TRUE(open_machine(name)) << name;
}

TEST(MachineDescription, IsReadFromAFileAsFromItsName) {
  EXPECT_EQ(error_after("sub_macros: 4 ", "sub_macros: 8 "), "");
}

TEST(MachineDescription, UnknownNamesListTheKnownOnes) {
  EXPECT_EQ(open_machine("flexcin").error().line(),
            "no machine 'flexcin'; name a YAML file or one of analog, dense-dcim, fixed-2-4, flexcim, sdp, vegeta");
  EXPECT_FALSE(open_machine(std::string(10000, 'x')));
  EXPECT_FALSE(open_machine(""));
}

TEST(MachineDescription, UnknownKeysNameTheNearest) {
  const std::string line = error_after("sub_macros:", "submacros:");
  EXPECT_TRUE(line.starts_with("machine.yaml:6:1: unknown key 'submacros'; the nearest is 'sub_macros'")) << line;
  EXPECT_NE(error_after("columns: 32", "colums: 32").find("'macro.colums'"), std::string::npos);
  EXPECT_NE(error_after("machine: dense-dcim", "machine: dense-dcim\nsub_macros: 4", "dense-dcim").find("unknown key"),
            std::string::npos);
}

TEST(MachineDescription, MissingKeysSayWhatIsAllowed) {
  EXPECT_EQ(error_after("pair_select:", "#"),
            "machine.yaml: 'pair_select' is missing (how a cell gets its input); add it; allowed: bitserial_per_cell | "
            "column_pipelined | per_column | shared_pairs | bitserial_per_group");
  EXPECT_NE(error_after("machine: flexcim", "").find("'machine' is missing"), std::string::npos);
}

TEST(MachineDescription, ValuesOutOfRangeSayWhatIsAllowed) {
  EXPECT_EQ(error_after("macros: 64", "macros: 0"),
            "machine.yaml:12:10: 'system.macros' is '0'; allowed: 1 .. 1048576");
  EXPECT_EQ(error_after("node_nm: 28", "node_nm: 5"), "machine.yaml:4:1: 'node_nm' is '5'; allowed: 7 .. 130");
  EXPECT_NE(error_after("node_nm: 28", "node_nm: nan").find("allowed: 7"), std::string::npos);
  EXPECT_NE(error_after("rows: 128", "rows: 128 KiB").find("'128 KiB'"), std::string::npos);
  EXPECT_NE(error_after("rows: 128", "rows: 99999999999999999999").find("allowed"), std::string::npos);
  EXPECT_NE(error_after("machine: flexcim", "machine: flexcam").find("allowed: analog | dense-dcim | flexcim | vegeta"),
            std::string::npos);
  EXPECT_NE(error_after("weights: on_chip", "weights: nowhere").find("on_chip | resident | dram"), std::string::npos);
  EXPECT_NE(error_after("1:2, ", "1:x, ").find("is not a pattern"), std::string::npos);
  EXPECT_NE(error_after("1:2, ", "2:4, ").find("twice"), std::string::npos);
}

TEST(MachineDescription, ContradictorySizesAreRefused) {
  EXPECT_NE(error_after("sub_macros: 4 ", "sub_macros: 3 ").find("does not divide 128 rows"), std::string::npos);
  EXPECT_NE(error_after("sub_macros: 4 ", "sub_macros: 2 ").find("4:8 needs 4 pairs, but 2 sub-macros"),
            std::string::npos);
  EXPECT_EQ(error_after("sub_macros: 4 ", "sub_macros: 64 "), "");
  EXPECT_NE(error_after("rows: 128", "rows: 100").find("power of two"), std::string::npos);
  EXPECT_NE(error_after("1:2, ", "2:6, ").find("M of 2:6 is no power of two"), std::string::npos);
  EXPECT_NE(error_after("kib: 64", "kib: 3").find("no multiple"), std::string::npos);
  EXPECT_NE(error_after("pair_select: bitserial_per_cell", "columns_per_cycle: 33\npair_select: column_pipelined")
                .find("more than macro.columns"),
            std::string::npos);
  EXPECT_NE(error_after("pair_select: bitserial_per_cell", "columns_per_group: 5\npair_select: shared_pairs")
                .find("does not divide macro.columns"),
            std::string::npos);
}

TEST(MachineDescription, ContradictionsNameTheLineOfTheirKey) {
  struct Contradiction {
    const char *from, *to, *place;
  };
  const Contradiction cases[] = {
      {"sub_macros: 4 ", "sub_macros: 3 ", "machine.yaml:6:1: sub_macros: 3 "},
      {"rows: 128", "rows: 96", "machine.yaml:5:9: macro.rows: 96 "},
      {"1:8]", "1:16]", "machine.yaml:7:1: patterns: 1:16 needs 8 pairs"},
      {"kib: 64", "kib: 3", "machine.yaml:10:16: partial_sums.kib: 3 "},
      {"patterns:", "columns_per_cycle: 33\npatterns:", "machine.yaml:7:1: columns_per_cycle: 33 "},
      {"bitserial_per_cell", "per_column\nany_n: true", "machine.yaml:9:1: any_n: per_column "}};
  for (const auto& [from, to, place] : cases) {
    const std::string line = error_after(from, to);
    EXPECT_TRUE(line.starts_with(place)) << line;
    EXPECT_NE(line.find("; "), std::string::npos) << "no remedy: " << line;
  }
}

TEST(MachineDescription, UnitsThatAreNotTheKeysOwnAreRefused) {
  const std::pair<const char*, const char*> cases[] = {{"node_nm: 28", "node_nm: 28nm"},
                                                       {"node_nm: 28", "node_nm: 0.028um"},
                                                       {"kib: 64", "kib: 64KiB"},
                                                       {"kib: 64", "kib: 6.4"},
                                                       {"macros: 64", "macros: 1e3"},
                                                       {"bits_per_cycle: 1024", "bits_per_cycle: 128B"},
                                                       {"macros: 64", "macros: -64"},
                                                       {"rows: 128", "rows: 0x80"},
                                                       {"sub_macros: 4 ", "sub_macros: four "}};
  for (const auto& [from, to] : cases) EXPECT_NE(error_after(from, to).find("allowed: "), std::string::npos) << to;
}

TEST(MachineDescription, ThatIsNotPlainYamlIsRefusedWithItsPlace) {
  EXPECT_NE(error_after("machine: flexcim", "machine: flexcim\nmachine: flexcim").find("given twice"),
            std::string::npos);
  EXPECT_NE(error_after("{rows: 128", "{rows: 64, rows: 128").find("given twice"), std::string::npos);
  EXPECT_NE(error_after("{rows: 128", "{rows: {a: {b: {c: 1}}}").find("nested too deeply"), std::string::npos);
  EXPECT_NE(error_after("{rows: 128", "{rows: [1").find("not valid YAML"), std::string::npos);
  EXPECT_NE(error_after("[dense,", "[[dense],").find("plain values"), std::string::npos);
  EXPECT_EQ(error_after("[dense,", "dense #"), "") << "one pattern is a list of one";
  EXPECT_FALSE(parse_settings("x", ""));
  EXPECT_FALSE(parse_settings("x", "- 1"));
  EXPECT_FALSE(parse_settings("x", std::string(100000, '[')));
  EXPECT_FALSE(parse_settings("x", "a: &x [*x]"));
  EXPECT_FALSE(open_machine(testing::TempDir()));
}

TEST(MachineDescription, DamagedAnywhereIsRefusedOrStillAMachine) {
  const std::string whole = shipped("flexcim");
  std::mt19937 random(3);
  int refused = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    std::string damaged = whole;
    for (int byte = 0; byte < 3; ++byte) damaged[random() % damaged.size()] = static_cast<char>(random() % 256);
    const auto settings =
        parse_settings("damaged", damaged.substr(0, random() % 2 ? damaged.size() : random() % damaged.size()));
    refused += !settings || !make_flexcim("damaged", *settings);
  }
  EXPECT_GT(refused, 1500);
}

}  // namespace
}  // namespace sparsecim

#include "checkpoint/gguf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_gguf.hpp"

namespace sparsecim {
namespace {

using test_files::bytes_of;
using test_files::GgufWriter;
using test_files::little_endian;
using testing::HasSubstr;

std::string refusal(const std::string& file) {
  const auto gguf = parse_gguf(bytes_of(file));
  return gguf ? "accepted" : gguf.error().line();
}

/// Two tensors and a little of every kind of metadata.
GgufWriter sample() {
  GgufWriter writer;
  return writer.set("general.architecture", "llama")
      .set("a.number", 7u)
      .set("a.float", 0.5f)
      .set("a.bool", GgufWriter::kBool, "\x01")
      .set_array("some.strings", GgufWriter::kString, 2, GgufWriter::text("ab") + GgufWriter::text(""))
      .set_array("some.floats", GgufWriter::kFloat32, 2, little_endian(1.5f) + little_endian(-2.0f))
      .tensor("first", {2, 3}, GgufWriter::kF32, std::string(24, 'x'))
      .tensor("second", {2, 32}, GgufWriter::kQ8_0, std::string(68, 'y'));
}

TEST(Gguf, GivesMetadataAndTensorsAsTheyLieInTheFile) {
  const std::string file = sample().file();
  const Gguf gguf = parse_gguf(bytes_of(file)).value();
  EXPECT_EQ(gguf_string(*gguf.find("general.architecture")), "llama");
  EXPECT_EQ(gguf_integer(*gguf.find("a.number")), 7);
  EXPECT_EQ(gguf_number(*gguf.find("a.number")), 7.0);
  EXPECT_EQ(gguf_number(*gguf.find("a.float")), 0.5);
  EXPECT_EQ(gguf_bool(*gguf.find("a.bool")), true);
  EXPECT_THAT(gguf_strings(*gguf.find("some.strings")).value(), testing::ElementsAre("ab", ""));
  EXPECT_THAT(gguf_numbers(*gguf.find("some.floats")).value(), testing::ElementsAre(1.5, -2.0));
  EXPECT_FALSE(gguf.find("another"));
  ASSERT_EQ(gguf.tensors.size(), 2u);
  EXPECT_EQ(gguf.tensors[0].info.name, "first");
  EXPECT_EQ(gguf.tensors[0].info.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(gguf.tensors[0].bytes.size(), 24u);
  EXPECT_EQ(gguf.tensors[1].storage, Storage::kQ8_0);
  EXPECT_EQ(static_cast<char>(gguf.tensors[1].bytes.front()), 'y');
  EXPECT_EQ(static_cast<char>(gguf.tensors[1].bytes.back()), 'y');
}

TEST(Gguf, ReadsEveryIntegerTypeAndRefusesTheOtherKinds) {
  struct Case {
    std::uint32_t type;
    std::string bytes;
    std::int64_t value;
  };
  for (const auto& [type, bytes, value] : std::initializer_list<Case>{{0, "\xff", 255},
                                                                      {1, "\xff", -1},
                                                                      {2, little_endian<std::uint16_t>(65535), 65535},
                                                                      {3, little_endian<std::int16_t>(-2), -2},
                                                                      {4, little_endian(4294967295u), 4294967295},
                                                                      {5, little_endian(-3), -3},
                                                                      {10, little_endian(std::uint64_t{9}), 9},
                                                                      {11, little_endian(std::int64_t{-9}), -9}}) {
    const std::string file = GgufWriter().set("k", type, bytes).file();
    EXPECT_EQ(gguf_integer(*parse_gguf(bytes_of(file)).value().find("k")), value) << "type " << type;
  }
  const std::string file =
      sample().set("big", GgufWriter::kUint64, little_endian(UINT64_MAX)).set("odd", GgufWriter::kBool, "\x02").file();
  const Gguf gguf = parse_gguf(bytes_of(file)).value();
  EXPECT_THAT(gguf_integer(*gguf.find("big")).error().line(), HasSubstr("out of range"));
  EXPECT_FALSE(gguf_integer(*gguf.find("a.float")));
  EXPECT_FALSE(gguf_integer(*gguf.find("some.floats")));
  EXPECT_FALSE(gguf_integer(*gguf.find("general.architecture")));
  EXPECT_FALSE(gguf_string(*gguf.find("a.number")));
  EXPECT_FALSE(gguf_string(*gguf.find("some.strings")));
  EXPECT_FALSE(gguf_bool(*gguf.find("odd")));
  EXPECT_FALSE(gguf_bool(*gguf.find("a.number")));
  EXPECT_FALSE(gguf_strings(*gguf.find("general.architecture")));
  EXPECT_FALSE(gguf_strings(*gguf.find("some.floats")));
  EXPECT_FALSE(gguf_numbers(*gguf.find("a.float")));
  EXPECT_FALSE(gguf_integers(*gguf.find("some.floats")));
}

TEST(Gguf, IsRefusedWhereverItIsCutOff) {
  const std::string file = sample().file();
  EXPECT_EQ(refusal(file), "accepted");
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_NE(refusal(file.substr(0, size)), "accepted") << size << " bytes";
}

TEST(Gguf, SurvivesEveryByteBeingWrong) {
  const std::string good = sample().file();
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char wrong : {'\x00', '\x7f', '\xff'}) {
      std::string file = good;
      file[at] = wrong;
      const auto gguf = parse_gguf(bytes_of(file));
      if (!gguf) continue;
      for (const StoredTensor& tensor : gguf->tensors)
        EXPECT_LE(tensor.bytes.data() + tensor.bytes.size(), bytes_of(file).data() + file.size());
    }
}

TEST(Gguf, TakesVersionsTwoAndThreeOnly) {
  GgufWriter writer = sample();
  writer.version = 2;
  EXPECT_EQ(refusal(writer.file()), "accepted");
  for (const std::uint32_t version : {0u, 1u, 4u}) {
    writer.version = version;
    EXPECT_THAT(refusal(writer.file()), HasSubstr(fmt::format("GGUF version {} is not read", version)));
  }
  writer.version = 0x03000000;
  EXPECT_EQ(refusal(writer.file()), "big-endian GGUF is not read");
  EXPECT_THAT(refusal("GGML" + writer.file().substr(4)), HasSubstr("not a GGUF file"));
}

TEST(Gguf, IsRefusedWhenCountsLie) {
  for (const std::size_t at : {8u, 16u})  // tensors, metadata
    for (const std::uint64_t count : {std::uint64_t{9}, std::uint64_t{1} << 63, UINT64_MAX}) {
      std::string file = sample().file();
      file.replace(at, 8, little_endian(count));
      EXPECT_NE(refusal(file), "accepted") << count;
    }
  for (const std::uint64_t count : {std::uint64_t{1} << 61, std::uint64_t{1} << 63, UINT64_MAX})
    for (const std::uint32_t type : {GgufWriter::kString, GgufWriter::kUint64})
      EXPECT_THAT(refusal(sample().set_array("k", type, count, "").file()), HasSubstr("metadata 'k'")) << count;
  EXPECT_THAT(refusal(sample().set("k", GgufWriter::kString, little_endian(UINT64_MAX)).file()),
              HasSubstr("metadata 'k'"));
}

TEST(Gguf, IsRefusedWhenMetadataIsDoubleNestedOrOfAnUnknownType) {
  EXPECT_EQ(refusal(sample().set("k", 13, "").file()), "metadata 'k': type 13 does not exist");
  EXPECT_EQ(refusal(sample().set("k", UINT32_MAX, "").file()), "metadata 'k': type 4294967295 does not exist");
  EXPECT_THAT(refusal(sample().set_array("k", GgufWriter::kArray, 1, "").file()), HasSubstr("arrays of arrays"));
  std::string file = sample().file();
  const auto at = file.find("a.number");
  file.replace(at, 8, "a.float\0", 8);
  file.replace(at - 8, 8, little_endian(std::uint64_t{7}));
  EXPECT_NE(refusal(file), "accepted");
  file = sample().set("a.numbes", 7u).file();
  file.replace(file.find("a.numbes"), 8, "a.number");
  EXPECT_EQ(refusal(file), "metadata 'a.number' is there twice");
}

struct BadTensor {
  std::vector<std::int64_t> shape;
  std::uint32_t type;
  std::int64_t offset;
  const char* message;
};

TEST(Gguf, IsRefusedWhenATensorLies) {
  for (const auto& [shape, type, offset, message] : std::initializer_list<BadTensor>{
           {{8}, GgufWriter::kF32, 1, "its offset 1 is no multiple of 32"},
           {{8}, GgufWriter::kF32, 1 << 20, "end beyond the file's"},
           {{8}, GgufWriter::kF32, INT64_MAX - 31, "end beyond the file's"},
           {{8}, GgufWriter::kF32, 0, "'first' and 'bad' overlap"},
           {{8}, GgufWriter::kF32, 32, "'second' and 'bad' overlap"},
           {{9}, GgufWriter::kF32, 128, "36 bytes at offset 128 end beyond"},
           {{8},
            10,
            128,
            "stored as Q2_K, which is not read; convert it to one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0"},
           {{8}, 20, 128, "stored as IQ4_NL, which is not read"},
           {{8}, 39, 128, "stored as MXFP4, which is not read"},
           {{8}, 27, 128, "stored as I64, which is not read"},
           {{8}, 4, 128, "stored as ggml type 4"},
           {{8}, UINT32_MAX, 128, "stored as ggml type 4294967295"},
           {{0}, GgufWriter::kF32, 128, "a dimension of 0"},
           {{-1}, GgufWriter::kF32, 128, "a dimension of 18446744073709551615"},
           {{8, 31}, GgufWriter::kQ8_0, 128, "not whole blocks of 32"},
           {{2, 128}, 14, 128, "rows of Q6_K are not whole blocks of 256"},
           {{}, GgufWriter::kF32, 128, "0 dimensions, outside 1 .. 4"},
           {{1, 1, 1, 1, 8}, GgufWriter::kF32, 128, "5 dimensions"},
           {{INT64_MAX, INT64_MAX}, GgufWriter::kF32, 128, "larger than any file"},
           {{std::int64_t{1} << 31, std::int64_t{1} << 31, 1 << 2}, GgufWriter::kF32, 128, "larger than any file"}})
    EXPECT_THAT(refusal(sample().tensor("bad", shape, type, std::string(32, 'z'), offset).file()), HasSubstr(message));
}

TEST(Gguf, ObeysItsAlignment) {
  GgufWriter writer;
  writer.alignment = 64;
  writer.set("general.alignment", 64u)
      .tensor("a", {1}, GgufWriter::kF32, "abcd")
      .tensor("b", {1}, GgufWriter::kF32, "efgh");
  const std::string file = writer.file();
  EXPECT_EQ(static_cast<char>(parse_gguf(bytes_of(file)).value().tensors[1].bytes[0]), 'e');
  for (const std::uint32_t alignment : {0u, 24u, UINT32_MAX})
    EXPECT_THAT(refusal(sample().set("general.alignment", alignment).file()), HasSubstr("no power of two"));
  EXPECT_THAT(refusal(sample().set("general.alignment", "32").file()), HasSubstr("general.alignment"));
}

}  // namespace
}  // namespace sparsecim

#include "checkpoint/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_files.hpp"

namespace sparsecim {
namespace {

using test_files::bytes_of;
using test_files::safetensors_file;
using testing::HasSubstr;

std::string refusal(const std::string& file) {
  const auto tensors = parse_safetensors(bytes_of(file));
  return tensors ? "accepted" : tensors.error().line();
}

const std::string kA = R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})";
const std::string kB = R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]})";
const std::string kGood =
    safetensors_file("{" + kB + "," + kA + R"(,"__metadata__":{"format":"pt"}})", std::string(32, 'x'));

TEST(Safetensors, ListsTensorsInTheOrderOfTheirBytes) {
  const auto tensors = parse_safetensors(bytes_of(kGood)).value();
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].info.name, "a");
  EXPECT_EQ(tensors[0].info.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(tensors[0].storage, Storage::kF32);
  EXPECT_EQ(tensors[0].bytes.size(), 24u);
  EXPECT_EQ(tensors[1].info.storage, "BF16");
  EXPECT_EQ(reinterpret_cast<const char*>(tensors[1].bytes.data()) + 8, kGood.data() + kGood.size());
}

TEST(Safetensors, IsRefusedWhereverItIsCutOff) {
  for (std::size_t size = 0; size < kGood.size(); ++size)
    EXPECT_NE(refusal(kGood.substr(0, size)), "accepted") << size << " bytes";
}

TEST(Safetensors, IsRefusedWhenTheHeadersLengthLies) {
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40, std::uint64_t{1} << 63,
                                     UINT64_MAX, UINT64_MAX - 7, kGood.size() - 7, kGood.size()}) {
    std::string file = kGood;
    file.replace(0, 8, test_files::little_endian(length));
    EXPECT_NE(refusal(file), "accepted") << length;
  }
}

struct Bad {
  const char* header;
  const char* message;
};

TEST(Safetensors, IsRefusedWhenTheHeaderLies) {
  for (
      const auto& [header, message] : std::initializer_list<Bad>{
          {"[]", "not a JSON object"},
          {"{\"a\":7}", "tensor 'a': 'dtype'"},
          {"nonsense", "not valid JSON"},
          {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"a":{}})", "'a' is there twice"},
          {R"({"a":{"dtype":"I64","shape":[4],"data_offsets":[0,32]}})", "type 'I64' is not read; F32, F16"},
          {R"({"a":{"dtype":"Q8_0","shape":[32],"data_offsets":[0,32]}})", "type 'Q8_0' is not read"},
          {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,32]}})", "needs 28 bytes, the header gives 32"},
          {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,36]}})", "'data_offsets[1]' is 36"},
          {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[32,0]}})", "'data_offsets[0]' is 32"},
          {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[-32,0]}})", "'data_offsets[0]' is -32"},
          {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[18446744073709551600,16]}})", "'data_offsets[0]'"},
          {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0]}})", "'data_offsets'"},
          {R"({"a":{"dtype":"F32","shape":8,"data_offsets":[0,32]}})", "no 'shape'"},
          {R"({"a":{"dtype":"F32","shape":[-8],"data_offsets":[0,32]}})", "'shape' is -8"},
          {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "larger than any file"},
          {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", "larger than any file"},
          {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[5],"data_offsets":[12,32]}})",
           "tensor 'b': its bytes overlap"},
          {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}})",
           "tensor 'b': its bytes begin behind a gap"},
          {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", "16 bytes at the end belong to no tensor"}})
    EXPECT_THAT(refusal(safetensors_file(header, std::string(32, 'x'))), HasSubstr(message)) << header;
}

TEST(Safetensors, HeaderOfTensorsGivesThemBackWithTheirBytesInOrder) {
  const std::vector<TensorInfo> infos = {{"x", {2, 2}, "F32", 16}, {"a", {3}, "F16", 6}};
  const std::string header = safetensors_header(infos, {{"format", "pt"}});
  EXPECT_EQ(header.size() % 8, 0u);
  const std::string file = header + std::string(22, 'x');
  const auto tensors = parse_safetensors(bytes_of(file)).value();
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].info.name, "x");
  EXPECT_EQ(tensors[1].info.shape, (std::vector<std::int64_t>{3}));
  EXPECT_THAT(header, HasSubstr(R"("__metadata__":{"format":"pt"})"));
}

}  // namespace
}  // namespace sparsecim

#include "checkpoint/imported_masks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/json.hpp"
#include "checkpoint/test_files.hpp"

namespace sparsecim {
namespace {

using testing::HasSubstr;

struct Mask {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

class Masks : public test_files::TemporaryDirectory {
 protected:
  /// A mask for every matrix: weight i stays unless i is a multiple of 3.
  static std::vector<Mask> all_masks(const ModelConfig& config) {
    std::vector<Mask> masks;
    for (std::int64_t block = 0; block < config.n_layers; ++block)
      for (const LinearShape& linear : block_linears(config)) {
        std::string bytes(static_cast<std::size_t>(linear.n_out * linear.n_in), '\1');
        for (std::size_t i = 0; i < bytes.size(); i += 3) bytes[i] = '\0';
        masks.push_back({matrix_name(block, linear.name) + ".weight", "BOOL", {linear.n_out, linear.n_in}, bytes});
      }
    return masks;
  }

  std::filesystem::path written(const std::vector<Mask>& masks) const {
    Json header = Json::object();
    std::string data;
    for (const Mask& mask : masks) {
      header[mask.name] = {{"dtype", mask.dtype},
                           {"shape", mask.shape},
                           {"data_offsets", {data.size(), data.size() + mask.bytes.size()}}};
      data += mask.bytes;
    }
    test_files::write_file(directory_ / "masks.safetensors", test_files::safetensors_file(header.dump(), data));
    return directory_ / "masks.safetensors";
  }

  /// What reading every matrix says.
  std::string complaint(const std::vector<Mask>& masks) const {
    const auto opened = open_masks(written(masks), config_);
    if (!opened) return opened.error().line();
    for (std::int64_t block = 0; block < config_.n_layers; ++block)
      for (const LinearShape& linear : block_linears(config_)) {
        std::vector<std::uint8_t> keep(static_cast<std::size_t>(linear.n_out * linear.n_in));
        const auto read = (*opened)->read(matrix_name(block, linear.name), linear, keep);
        if (!read) return read.error().line();
      }
    return "";
  }

  const ModelConfig config_ = test_files::tiny_config();
};

TEST_F(Masks, OfAFileAreItsBooleansUnderTheWeightsNamesOrTheMatrices) {
  std::vector<Mask> masks = all_masks(config_);
  masks[1].name.resize(masks[1].name.size() - 7);
  masks[1].dtype = "U8";
  EXPECT_EQ(complaint(masks), "");
  const auto opened = open_masks(written(masks), config_).value();
  const LinearShape linear = block_linears(config_)[1];
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(linear.n_out * linear.n_in));
  ASSERT_TRUE(opened->read(matrix_name(0, linear.name), linear, keep));
  for (std::size_t i = 0; i < keep.size(); ++i) EXPECT_EQ(keep[i], i % 3 != 0);
}

TEST_F(Masks, ThatAreNotThoseOfTheModelAreRefusedByName) {
  const std::vector<Mask> good = all_masks(config_);
  const auto changed = [&](std::size_t i, auto change) {
    std::vector<Mask> masks = good;
    change(masks[i]);
    return complaint(masks);
  };
  EXPECT_THAT(changed(2, [](Mask& mask) { mask.bytes.pop_back(); }), HasSubstr("the header gives"));
  EXPECT_THAT(
      changed(4, [](Mask& mask) { std::swap(mask.shape[0], mask.shape[1]); }),
      testing::AllOf(HasSubstr("mask 'model.layers.0.mlp.gate_proj': its shape is ["), HasSubstr("the matrix has")));
  EXPECT_THAT(changed(3, [](Mask& mask) { mask.bytes[5] = 2; }),
              HasSubstr("mask 'model.layers.0.self_attn.o_proj': value 5 is 2, neither 0 nor 1"));
  EXPECT_THAT(changed(3, [](Mask& mask) { mask.dtype = "F32"; }), HasSubstr("its type is 'F32', not BOOL or U8"));
  EXPECT_THAT(changed(0, [](Mask& mask) { mask.name = "model.embed_tokens.weight"; }),
              HasSubstr("masks.safetensors: tensor 'model.embed_tokens.weight' is no mask of a matrix"));
  std::vector<Mask> masks = good;
  masks.erase(masks.begin() + 3);
  EXPECT_THAT(complaint(masks), HasSubstr("there is no mask 'model.layers.0.self_attn.o_proj'; give a mask for every"));
  masks = good;
  masks.push_back(good[0]);
  masks.back().name.resize(masks.back().name.size() - 7);
  EXPECT_THAT(complaint(masks), HasSubstr("mask 'model.layers.0.self_attn.q_proj' is there twice"));
}

TEST_F(Masks, OfAFileThatIsCutOffAreRefused) {
  const auto path = written(all_masks(config_));
  const auto size = std::filesystem::file_size(path);
  for (const std::uintmax_t left : {size - 1, size / 2, std::uintmax_t{9}, std::uintmax_t{1}}) {
    std::filesystem::resize_file(path, left);
    EXPECT_FALSE(open_masks(path, config_)) << left;
  }
}

TEST_F(Masks, OfACheckpointAreItsWeightsThatAreNotZero) {
  auto tensors = test_files::random_tensors(config_);
  const std::string name = matrix_name(0, "mlp.up_proj");
  auto& values = std::ranges::find(tensors, name + ".weight", &test_files::Tensor::name)->values;
  values[7] = 0;
  test_files::write_hugging_face(directory_, test_files::tiny_config_json(), tensors);
  const auto opened = open_masks(directory_, config_).value();
  const LinearShape linear = block_linears(config_)[5];
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(linear.n_out * linear.n_in));
  ASSERT_TRUE(opened->read(name, linear, keep));
  for (std::size_t i = 0; i < keep.size(); ++i) EXPECT_EQ(keep[i], values[i] != 0) << i;
  EXPECT_EQ(keep[7], 0);
  ModelConfig other = config_;
  other.n_layers += 1;
  EXPECT_THAT(open_masks(directory_, other).error().line(), HasSubstr("it is another model"));
}

TEST_F(Masks, OfACheckpointWithAWeightThatIsNotFiniteAreRefusedByItsName) {
  auto tensors = test_files::random_tensors(config_);
  const std::string name = matrix_name(0, "mlp.up_proj");
  std::ranges::find(tensors, name + ".weight", &test_files::Tensor::name)->values[7] = std::nanf("");
  test_files::write_hugging_face(directory_, test_files::tiny_config_json(), tensors);
  const auto opened = open_masks(directory_, config_).value();
  const LinearShape linear = block_linears(config_)[5];
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(linear.n_out * linear.n_in));
  EXPECT_THAT(opened->read(name, linear, keep).error().what, HasSubstr(name));
}

}  // namespace
}  // namespace sparsecim

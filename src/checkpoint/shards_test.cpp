#include "checkpoint/shards.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_files.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;
using test_files::write_file;
using testing::HasSubstr;

struct BadIndex {
  const char* json;
  const char* message;
};

TEST(ShardIndex, IsRefusedWhenItIsNoIndexOrReachesOutsideItsDirectory) {
  for (const auto& [json, message] : std::initializer_list<BadIndex>{
           {"[]", "no 'weight_map'"},
           {"7", "no 'weight_map'"},
           {"{}", "no 'weight_map'"},
           {R"({"weight_map": null})", "no 'weight_map'"},
           {R"({"weight_map": ["a"]})", "no 'weight_map'"},
           {R"({"weight_map": {}})", "names no tensor"},
           {R"({"weight_map": {"a": 1}})", "tensor 'a': the file is no text"},
           {R"({"weight_map": {"a": ""}})", "'' is not the name"},
           {R"({"weight_map": {"a": "../a.safetensors"}})", "'../a.safetensors' is not the name"},
           {R"({"weight_map": {"a": "/etc/a.safetensors"}})", "is not the name"},
           {R"({"weight_map": {"a": "b/../a.safetensors"}})", "is not the name"},
           {R"({"weight_map": {"a": "b/a.safetensors"}})", "is not the name"},
           {R"({"weight_map": {"a": "./a.safetensors"}})", "is not the name"},
           {R"({"weight_map": {"a": "..\\a.safetensors"}})", "is not the name"},
           {R"({"weight_map": {"a": "x\u0000.safetensors"}})", "is not the name"},
           {R"({"weight_map": {"a": ".."}})", "is not the name"},
           {R"({"weight_map": {"a": "/etc/passwd"}})", "is not the name"},
           {R"({"weight_map": {"a": "a.bin"}})", "'a.bin' is not the name of a .safetensors file"}}) {
    const auto index = parse_shard_index(parse_json(json).value());
    ASSERT_FALSE(index) << json;
    EXPECT_THAT(index.error().line(), HasSubstr(message)) << json;
  }
}

TEST(ShardIndex, ListsEachFileOnceInTheOrderOfNames) {
  const ShardIndex index{
      {{"a", "m-2.safetensors"}, {"b", "m-1.safetensors"}, {"c", "m-2.safetensors"}, {"d", "m-10.safetensors"}}};
  EXPECT_THAT(index.files(), testing::ElementsAre("m-1.safetensors", "m-10.safetensors", "m-2.safetensors"));
}

/// The tiny model in three files, with an index.
class Shards : public test_files::TemporaryDirectory {
 protected:
  static constexpr int kFiles = 3;
  static std::string file_name(std::size_t i) { return fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, kFiles); }

  void SetUp() override {
    TemporaryDirectory::SetUp();
    write_file(directory_ / "config.json", test_files::tiny_config_json().dump());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const std::size_t file = (i * 7 + 1) % kFiles;  // shuffled, so that files are not in the order of computing
      shards_[file].push_back(tensors_[i]);
      index_["weight_map"][tensors_[i].name] = file_name(file);
    }
    write();
  }
  void write() const {
    for (std::size_t i = 0; i < kFiles; ++i)
      write_file(directory_ / file_name(i), test_files::safetensors_file(shards_[i]));
    write_file(directory_ / "model.safetensors.index.json", index_.dump());
  }
  std::string refusal() const {
    write();
    const auto checkpoint = open_checkpoint(directory_);
    return checkpoint ? "accepted" : checkpoint.error().line();
  }

  std::vector<test_files::Tensor> tensors_ = test_files::random_tensors(test_files::tiny_config());
  std::vector<test_files::Tensor> shards_[kFiles];
  Json index_ = {{"metadata", {{"total_size", 1}}}, {"weight_map", Json::object()}};
};

TEST_F(Shards, GiveEveryTensorsValuesFileAfterFile) {
  const auto checkpoint = open_checkpoint(directory_).value();
  std::vector<std::string> expected, names;
  for (const auto& shard : shards_)
    for (const auto& tensor : shard) expected.push_back(tensor.name);
  for (const TensorInfo& info : checkpoint->tensors()) names.push_back(info.name);
  EXPECT_EQ(names, expected);
  for (const auto& [name, shape, values] : tensors_) {
    std::vector<float> read(values.size());
    ASSERT_TRUE(checkpoint->read(*checkpoint->find(name), read));
    EXPECT_EQ(read, values) << name;
  }
  EXPECT_THAT(checkpoint->files(),
              testing::ElementsAre(directory_ / "config.json", directory_ / "model.safetensors.index.json",
                                   directory_ / file_name(0), directory_ / file_name(1), directory_ / file_name(2)));
}

TEST_F(Shards, GiveWayToOneFileOfAllWeights) {
  auto others = test_files::random_tensors(test_files::tiny_config(), 2);
  write_file(directory_ / "model.safetensors", test_files::safetensors_file(others));
  const auto checkpoint = open_checkpoint(directory_).value();
  std::vector<float> read(others[0].values.size());
  ASSERT_TRUE(checkpoint->read(*checkpoint->find(others[0].name), read));
  EXPECT_EQ(read, others[0].values);
  EXPECT_EQ(checkpoint->files().size(), 2u);
}

TEST_F(Shards, AreRefusedWhenOneIsMissingOrCutOff) {
  fs::remove(directory_ / file_name(1));
  EXPECT_THAT(open_checkpoint(directory_).error().line(),
              HasSubstr("index.json: model-00002-of-00003.safetensors is not there; get all files of the model"));
  for (const std::size_t size : {0u, 7u, 100u, 5000u}) {
    write();
    fs::resize_file(directory_ / file_name(1), size);
    EXPECT_THAT(open_checkpoint(directory_).error().line(), HasSubstr("model-00002-of-00003.safetensors: ")) << size;
  }
}

TEST_F(Shards, AreRefusedWhenTheyHoldOtherTensorsThanTheIndexSays) {
  const auto lost = shards_[1].back();
  shards_[1].pop_back();
  EXPECT_THAT(refusal(),
              HasSubstr(fmt::format("model-00002-of-00003.safetensors: tensor '{}' is not here", lost.name)));
  shards_[0].push_back(lost);
  EXPECT_THAT(refusal(),
              HasSubstr(fmt::format("model-00001-of-00003.safetensors: tensor '{}' is here, and by the index "
                                    "in model-00002-of-00003.safetensors",
                                    lost.name)));
  shards_[1].push_back(lost);  // in two files
  EXPECT_THAT(refusal(), HasSubstr("is here, and by the index in model-00002"));
  shards_[0].back().name = "model.extra";
  EXPECT_THAT(refusal(), HasSubstr("tensor 'model.extra' is not in the index"));
  shards_[0].pop_back();
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(Shards, AreRefusedWhenTheIndexItselfIsOfAnotherModel) {
  index_["weight_map"]["model.extra"] = file_name(2);
  EXPECT_THAT(refusal(), HasSubstr("model-00003-of-00003.safetensors: tensor 'model.extra' is not here"));
  index_["weight_map"]["model.extra"] = "model-00004-of-00003.safetensors";
  EXPECT_THAT(refusal(), HasSubstr("model-00004-of-00003.safetensors is not there"));
  index_["weight_map"].erase("model.extra");
  index_["weight_map"].erase(shards_[0][0].name);
  EXPECT_THAT(refusal(), HasSubstr(fmt::format("tensor '{}' is not in the index", shards_[0][0].name)));
}

TEST_F(Shards, AreRefusedWhenTheIndexIsCutOffOrNestedOrNoText) {
  const std::string good = index_.dump();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_json(good.substr(0, size)).and_then(parse_shard_index)) << size;
  for (const std::string& bad : {std::string(100'000, '['), R"({"weight_map":)" + std::string(100'000, '{'),
                                 std::string("{\"weight_map\": {\"\xff\xfe\": \"a.safetensors\"}}"),
                                 R"({"weight_map": {"a": "a.safetensors", "a": "b.safetensors"}})" + std::string()}) {
    write_file(directory_ / "model.safetensors.index.json", bad);
    EXPECT_THAT(open_checkpoint(directory_).error().line(), HasSubstr("model.safetensors.index.json: "));
  }
}

TEST_F(Shards, NameTheFileOfAValueThatIsNotFinite) {
  shards_[2][1].values[3] = std::numeric_limits<float>::infinity();
  write();
  const auto checkpoint = open_checkpoint(directory_).value();
  std::vector<float> values(shards_[2][1].values.size());
  EXPECT_THAT(checkpoint->read(*checkpoint->find(shards_[2][1].name), values).error().line(),
              HasSubstr(file_name(2) + ": tensor '" + shards_[2][1].name + "': the value at index 3 is not finite"));
}

}  // namespace
}  // namespace sparsecim

#include "checkpoint/imported_masks.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/check.hpp"
#include "base/file.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

/// A safetensors file of booleans.
class MaskFile final : public ImportedMasks {
 public:
  static Result<std::unique_ptr<ImportedMasks>> open(const fs::path& path, const ModelConfig& config) {
    SC_TRY_ASSIGN(MappedFile map, MappedFile::open(path));
    std::unique_ptr<MaskFile> masks(new MaskFile(std::move(map)));
    SC_TRY(within(path.string(), masks->parse(config)));
    return masks;
  }

  Result<void> read(const std::string& name, const LinearShape& shape, std::span<std::uint8_t> keep) const override {
    const auto found = masks_.find(name);
    if (found == masks_.end())
      return fail(Remedy{"give a mask for every matrix; of all ones, if it shall stay as it is"},
                  "{}: there is no mask '{}'", map_.path().string(), name);
    return within(fmt::format("{}: mask '{}'", map_.path().string(), name), read(found->second, shape, keep));
  }
  std::vector<fs::path> files() const override { return {map_.path()}; }

 private:
  explicit MaskFile(MappedFile map) : map_(std::move(map)) {}

  Result<void> parse(const ModelConfig& config) {
    std::set<std::string> wanted;
    for (std::int64_t block = 0; block < config.n_layers; ++block)
      for (const LinearShape& linear : block_linears(config)) wanted.insert(matrix_name(block, linear.name));
    SC_TRY_ASSIGN(std::vector<SafetensorsEntry> entries, safetensors_entries(map_.bytes()));
    for (SafetensorsEntry& entry : entries) {
      std::string name = entry.name;
      if (name.ends_with(".weight")) name.resize(name.size() - std::string_view(".weight").size());
      if (!wanted.contains(name))
        return fail(Remedy{"use masks that were made for this model"},
                    "tensor '{}' is no mask of a matrix of the decoder blocks", entry.name);
      if (!masks_.emplace(name, std::move(entry)).second) return fail("mask '{}' is there twice", name);
    }
    return {};
  }

  static Result<void> read(const SafetensorsEntry& entry, const LinearShape& shape, std::span<std::uint8_t> keep) {
    if (entry.dtype != "BOOL" && entry.dtype != "U8")
      return fail(Remedy{"write true or 1 where a weight stays"}, "its type is '{}', not BOOL or U8", entry.dtype);
    if (entry.shape != std::vector{shape.n_out, shape.n_in})
      return fail("its shape is [{}], the matrix has [{},{}]", fmt::join(entry.shape, ","), shape.n_out, shape.n_in);
    if (entry.bytes.size() != keep.size())
      return fail("its shape needs {} bytes, the header gives {}", keep.size(), entry.bytes.size());
    for (std::size_t i = 0; i < keep.size(); ++i) {
      keep[i] = std::to_integer<std::uint8_t>(entry.bytes[i]);
      if (keep[i] > 1) return fail("value {} is {}, neither 0 nor 1", i, keep[i]);
    }
    return {};
  }

  MappedFile map_;
  std::map<std::string, SafetensorsEntry> masks_;  // by the matrix's name
};

/// The weights of another checkpoint that are not zero.
class Nonzeros final : public ImportedMasks {
 public:
  static Result<std::unique_ptr<ImportedMasks>> open(const fs::path& path, const ModelConfig& config) {
    SC_TRY_ASSIGN(auto checkpoint, open_checkpoint(path));
    const ModelConfig& theirs = checkpoint->config();
    SC_TRY(within(path.string(), require_dense(theirs, "are no masks")));
    const auto same = [](const LinearShape& a, const LinearShape& b) {
      return a.name == b.name && a.n_out == b.n_out && a.n_in == b.n_in;
    };
    if (theirs.n_layers != config.n_layers || !std::ranges::equal(block_linears(theirs), block_linears(config), same))
      return fail(Remedy{"take the zeros of a checkpoint of the same model"}, "{}: it is another model", path.string());
    return std::unique_ptr<ImportedMasks>(new Nonzeros(std::move(checkpoint)));
  }

  Result<void> read(const std::string& name, const LinearShape&, std::span<std::uint8_t> keep) const override {
    const TensorInfo* info = checkpoint_->find(name + ".weight");
    SC_CHECK(info != nullptr);  // open_checkpoint has made sure
    std::vector<float> values(keep.size());
    SC_TRY(checkpoint_->read(*info, values));
    std::ranges::transform(values, keep.begin(), [](float value) -> std::uint8_t { return value != 0; });
    return {};
  }
  std::vector<fs::path> files() const override { return checkpoint_->files(); }

 private:
  explicit Nonzeros(std::unique_ptr<Checkpoint> checkpoint) : checkpoint_(std::move(checkpoint)) {}
  std::unique_ptr<Checkpoint> checkpoint_;
};

}  // namespace

Result<std::unique_ptr<ImportedMasks>> open_masks(const fs::path& path, const ModelConfig& config) {
  return path.extension() == ".safetensors" ? MaskFile::open(path, config) : Nonzeros::open(path, config);
}

}  // namespace sparsecim

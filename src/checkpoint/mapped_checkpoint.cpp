#include "checkpoint/mapped_checkpoint.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/atomic.hpp"
#include "base/check.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

constexpr std::size_t kSliceBytes = 4 << 20;     // of a file, read by a thread and then given back
constexpr std::int64_t kWorthThreads = 1 << 18;  // elements: a fraction of a millisecond, as starting threads is

using Index = std::unordered_map<std::string_view, const StoredTensor*>;

Result<void> check_required(const ModelConfig& config, const Index& index) {
  for (const auto& [name, shape] : required_tensors(config)) {
    const auto found = index.find(name);
    if (found == index.end()) return fail(Remedy{"the file is of another model or damaged"}, "'{}' is missing", name);
    const auto& given = found->second->info.shape;
    if (given == shape) continue;
    const bool factor = name.ends_with(kMonarchRight) || name.ends_with(kMonarchLeft);
    return fail(Remedy{factor ? "config.json and the weights must be of one run of 'sparsecim monarch'" : ""},
                "tensor '{}': shape [{}], the configuration asks for [{}]", name, fmt::join(given, ","),
                fmt::join(shape, ","));
  }
  return {};
}

/// Whether a tensor that the configuration has no place for changes nothing.
bool idle(const StoredTensor& tensor, const ModelConfig& config, const Index& index) {
  if (tensor.info.name.ends_with(".rotary_emb.inv_freq")) return true;  // a table of RoPE that older files carry
  if (tensor.info.name != "lm_head.weight" || !config.tied_embeddings) return false;
  return std::ranges::equal(tensor.bytes, index.at("model.embed_tokens.weight")->bytes);  // the tied head, spelt out
}

/// The stored row that is row `row` of a head in Hugging Face's order: see StoredTensor::interleaved_heads.
std::int64_t interleaved_row(std::int64_t row, std::int64_t head_dim) {
  const std::int64_t head = row / head_dim, within = row % head_dim, half = head_dim / 2;
  return head * head_dim + 2 * (within % half) + within / half;
}

/// The reading of one tensor, by one thread or several at different rows.
class TensorReader {
 public:
  /// `map` is the file that the tensor lies in, or null where it lies in memory.
  TensorReader(const StoredTensor& tensor, const MappedFile* map, std::span<float> out)
      : tensor_(tensor), map_(map), out_(out) {
    const bool bias_of_heads = tensor.interleaved_heads && tensor.info.shape.size() == 1;  // a row has one value
    n_columns_ = bias_of_heads ? 1 : static_cast<std::size_t>(tensor.info.shape.back());
    n_rows_ = static_cast<std::int64_t>(out.size() / n_columns_);
    row_bytes_ = tensor.bytes.size() / static_cast<std::size_t>(n_rows_);
  }

  std::int64_t n_rows() const { return n_rows_; }
  /// The index of the first value that is not finite; SIZE_MAX where all are. REQUIRES: all rows have been read.
  std::size_t first_bad() const { return first_bad_; }

  void read(std::int64_t begin, std::int64_t end) {
    const auto n_slice = static_cast<std::int64_t>(std::max<std::size_t>(kSliceBytes / row_bytes_, 1));
    for (std::int64_t first = begin; first < end; first += n_slice) {
      const std::int64_t last = std::min(first + n_slice, end);
      for (std::int64_t row = first; row < last; ++row) read_row(row);
      if (map_) map_->release(rows(first, last));
    }
  }

 private:
  std::span<const std::byte> rows(std::int64_t begin, std::int64_t end) const {
    return tensor_.bytes.subspan(static_cast<std::size_t>(begin) * row_bytes_,
                                 static_cast<std::size_t>(end - begin) * row_bytes_);
  }
  /// Row `row` in Hugging Face's order.
  void read_row(std::int64_t row) {
    const auto values = out_.subspan(static_cast<std::size_t>(row) * n_columns_, n_columns_);
    const std::int64_t stored =
        tensor_.interleaved_heads ? interleaved_row(row, n_rows_ / tensor_.interleaved_heads) : row;
    dequantise(tensor_.storage, rows(stored, stored + 1), values);
    if (const auto bad = find_non_finite(values)) lower(first_bad_, values.data() - out_.data() + *bad);
  }

  const StoredTensor& tensor_;
  const MappedFile* map_;
  std::span<float> out_;
  std::size_t n_columns_, row_bytes_;
  std::int64_t n_rows_;
  std::atomic<std::size_t> first_bad_ = SIZE_MAX;
};

}  // namespace

Result<Contents> complete(Contents contents) {
  if (std::ssize(contents.tensors) < contents.config.n_layers)  // before all names that it should have are listed
    return fail("{} tensors are too few for {} blocks", contents.tensors.size(), contents.config.n_layers);
  Index index;
  for (const StoredTensor& tensor : contents.tensors)
    if (!index.emplace(tensor.info.name, &tensor).second) return fail("tensor '{}' is there twice", tensor.info.name);
  SC_TRY(check_required(contents.config, index));
  std::unordered_set<std::string> wanted;
  for (RequiredTensor& required : required_tensors(contents.config)) wanted.insert(std::move(required.name));
  for (const StoredTensor& tensor : contents.tensors)
    if (!wanted.contains(tensor.info.name) && !idle(tensor, contents.config, index))
      return fail("tensor '{}' has no place in a model of this configuration", tensor.info.name);
  std::erase_if(contents.tensors, [&](const StoredTensor& tensor) { return !wanted.contains(tensor.info.name); });
  return contents;
}

MappedCheckpoint::MappedCheckpoint(Contents contents, std::vector<MappedFile> maps,
                                   std::vector<std::filesystem::path> files, VocabularyReader vocabulary)
    : config_(std::move(contents.config)),
      stored_(std::move(contents.tensors)),
      maps_(std::move(maps)),
      files_(std::move(files)),
      vocabulary_(std::move(vocabulary)) {
  for (const StoredTensor& tensor : stored_) infos_.push_back(tensor.info);
}

Result<void> MappedCheckpoint::read(const TensorInfo& info, std::span<float> out) const {
  const TensorInfo* own = find(info.name);
  SC_CHECK(own && static_cast<std::int64_t>(out.size()) == own->elements());
  const StoredTensor& tensor = stored_[static_cast<std::size_t>(own - infos_.data())];
  const MappedFile* map = map_of(tensor);
  TensorReader reader(tensor, map, out);
  if (own->elements() < kWorthThreads)
    reader.read(0, reader.n_rows());
  else
    parallel_for(reader.n_rows(), [&](std::int64_t begin, std::int64_t end) { reader.read(begin, end); });
  if (map) map->release(tensor.bytes);  // the pages that two threads or slices shared too
  if (reader.first_bad() == SIZE_MAX) return {};
  return fail(Remedy{"the file is damaged or its training diverged"},
              "{}: tensor '{}': the value at index {} is not finite", map ? map->path().string() : "", own->name,
              reader.first_bad());
}

const MappedFile* MappedCheckpoint::map_of(const StoredTensor& tensor) const {
  const auto found = std::ranges::find_if(maps_, [&](const MappedFile& map) {
    const std::byte* begin = map.bytes().data();
    return tensor.bytes.data() >= begin && tensor.bytes.data() < begin + map.bytes().size();
  });
  return found == maps_.end() ? nullptr : &*found;
}

Result<Vocabulary> MappedCheckpoint::vocabulary() const {
  SC_TRY_ASSIGN(Vocabulary vocabulary, vocabulary_());
  SC_TRY(drop_tokens_without_row(vocabulary, config_.vocab_size));
  // What a document starts with is the configuration's to say; whether the tokenizer adds it by itself is its own.
  if (config_.bos_token_id && *config_.bos_token_id < std::ssize(vocabulary.tokens))
    vocabulary.bos = static_cast<TokenId>(*config_.bos_token_id);
  return vocabulary;
}

}  // namespace sparsecim

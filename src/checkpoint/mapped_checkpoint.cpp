#include "checkpoint/mapped_checkpoint.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <unordered_set>

#include "base/check.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 18;  // elements: a fraction of a millisecond, as starting threads is

using Index = std::unordered_map<std::string_view, const StoredTensor*>;

Result<void> check_required(const ModelConfig& config, const Index& index) {
  for (const auto& [name, shape] : required_tensors(config)) {
    const auto found = index.find(name);
    if (found == index.end()) return fail(Remedy{"the file is of another model or damaged"}, "'{}' is missing", name);
    if (const auto& given = found->second->info.shape; given != shape)
      return fail("tensor '{}': shape [{}], the configuration asks for [{}]", name, fmt::join(given, ","),
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

/// Row `row` of `n_rows`, in Hugging Face's order.
void read_row(const StoredTensor& tensor, std::int64_t row, std::int64_t n_rows, std::span<float> out) {
  if (tensor.interleaved_heads) row = interleaved_row(row, n_rows / tensor.interleaved_heads);
  const auto row_bytes = tensor.bytes.size() / static_cast<std::size_t>(n_rows);
  dequantise(tensor.storage, tensor.bytes.subspan(static_cast<std::size_t>(row) * row_bytes, row_bytes), out);
}

void lower(std::atomic<std::size_t>& least, std::size_t value) {
  std::size_t current = least;
  while (value < current && !least.compare_exchange_weak(current, value)) {
  }
}

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
  const bool bias_of_heads = tensor.interleaved_heads && own->shape.size() == 1;  // a row has one value
  const std::int64_t n_columns = bias_of_heads ? 1 : own->shape.back(), n_rows = own->elements() / n_columns;
  std::atomic<std::size_t> first_bad = SIZE_MAX;
  const auto read_part = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const auto values = out.subspan(static_cast<std::size_t>(row * n_columns), static_cast<std::size_t>(n_columns));
      read_row(tensor, row, n_rows, values);
      if (const auto bad = find_non_finite(values)) return lower(first_bad, values.data() - out.data() + *bad);
    }
  };
  if (own->elements() < kWorthThreads)
    read_part(0, n_rows);
  else
    parallel_for(n_rows, read_part);
  const MappedFile* map = map_of(tensor);
  if (map) map->release(tensor.bytes);
  if (first_bad == SIZE_MAX) return {};
  return fail(Remedy{"the file is damaged or its training diverged"},
              "{}: tensor '{}': the value at index {} is not finite", map ? map->path().string() : "", own->name,
              first_bad.load());
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
  if (static_cast<std::int64_t>(vocabulary.tokens.size()) > config_.vocab_size)
    return fail("the tokenizer has {} tokens, the model's embedding only {}", vocabulary.tokens.size(),
                config_.vocab_size);
  // What a document starts with is the configuration's to say; whether the tokenizer adds it by itself is its own.
  if (config_.bos_token_id && *config_.bos_token_id < std::ssize(vocabulary.tokens))
    vocabulary.bos = static_cast<TokenId>(*config_.bos_token_id);
  return vocabulary;
}

}  // namespace sparsecim

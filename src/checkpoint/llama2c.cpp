#include "checkpoint/llama2c.hpp"

#include <array>
#include <cstring>

#include "checkpoint/formats.hpp"

// The format: https://github.com/karpathy/llama2.c, run.c (Config, memory_map_weights) and export.py (legacy_export).

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeaderBytes = 7 * sizeof(std::int32_t);
constexpr std::int32_t kLaterMagic = 0x616b3432;  // "ak42": versions 1 and 2, which we do not read

Result<ModelConfig> config_of(std::span<const std::byte> file) {
  std::array<std::int32_t, 7> header{};
  if (file.size() < kHeaderBytes) return fail("{} bytes are too few for a llama2.c header", file.size());
  std::memcpy(header.data(), file.data(), kHeaderBytes);
  if (header[0] == kLaterMagic)
    return fail(Remedy{"export it with --version 0"}, "llama2.c format version {} is not read", header[1]);
  ModelConfig config;
  config.hidden_size = header[0];
  config.intermediate_size = header[1];
  config.n_layers = header[2];
  config.n_heads = header[3];
  config.n_kv_heads = header[4];
  config.vocab_size = std::abs(std::int64_t{header[5]});
  config.tied_embeddings = header[5] > 0;
  config.max_positions = header[6];
  if (config.n_heads < 1 || config.hidden_size % config.n_heads != 0)
    return fail("the hidden size {} is not a multiple of the {} heads", config.hidden_size, config.n_heads);
  config.head_dim = config.hidden_size / config.n_heads;
  config.rms_norm_eps = 1e-5;     // run.c: rmsnorm
  config.rope_theta = 10000;      // run.c: forward
  config.bos_token_id = 1;        // run.c: encode
  config.eos_token_ids = {2, 1};  // run.c: generate stops at BOS, which is what stands between training texts
  return checked(std::move(config));
}

constexpr std::string_view kSkipped = "RoPE's tables";  // computed from the configuration everywhere

/// A run of tensors of one kind: one per block, or one alone.
struct Section {
  std::string name;  // behind "model.layers.{}." where it is one per block
  std::vector<std::int64_t> shape;
  bool per_block = true;
  std::int64_t interleaved_heads = 0;
};

std::vector<Section> layout(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size, wide = config.intermediate_size;
  const std::int64_t kv = config.n_kv_heads * config.head_dim;
  std::vector<Section> sections = {{"model.embed_tokens.weight", {config.vocab_size, hidden}, false},
                                   {"input_layernorm.weight", {hidden}},
                                   {"self_attn.q_proj.weight", {hidden, hidden}, true, config.n_heads},
                                   {"self_attn.k_proj.weight", {kv, hidden}, true, config.n_kv_heads},
                                   {"self_attn.v_proj.weight", {kv, hidden}},
                                   {"self_attn.o_proj.weight", {hidden, hidden}},
                                   {"post_attention_layernorm.weight", {hidden}},
                                   {"mlp.gate_proj.weight", {wide, hidden}},
                                   {"mlp.down_proj.weight", {hidden, wide}},
                                   {"mlp.up_proj.weight", {wide, hidden}},
                                   {"model.norm.weight", {hidden}, false},
                                   {std::string(kSkipped), {config.max_positions, config.head_dim}, false}};
  if (!config.tied_embeddings) sections.push_back({"lm_head.weight", {config.vocab_size, hidden}, false});
  return sections;
}

/// Lays the sections over the file. Errors: it is not exactly as long.
Result<std::vector<StoredTensor>> lay_out(const ModelConfig& config, std::span<const std::byte> file) {
  std::vector<StoredTensor> tensors;
  std::uint64_t offset = kHeaderBytes;
  for (const Section& section : layout(config)) {
    SC_TRY_ASSIGN(const std::uint64_t bytes, stored_bytes(Storage::kF32, section.shape));
    for (std::int64_t block = 0; block < (section.per_block ? config.n_layers : 1); ++block, offset += bytes) {
      if (offset + bytes > file.size())
        return fail(Remedy{"get the file again"}, "the file ends at byte {}, inside '{}'", file.size(), section.name);
      if (section.name == kSkipped) continue;
      const std::string name = section.per_block ? matrix_name(block, section.name) : section.name;
      tensors.push_back(
          {{name, section.shape, "F32", bytes}, Storage::kF32, file.subspan(offset, bytes), section.interleaved_heads});
    }
  }
  if (offset != file.size()) return fail("the header's sizes make {} bytes, the file has {}", offset, file.size());
  return tensors;
}

/// tokenizer.bin, tok<size>.bin, or the only tok*.bin beside the weights; empty where there is none.
fs::path tokenizer_beside(const fs::path& file, std::int64_t vocab_size) {
  const fs::path directory = file.parent_path();
  std::error_code error;
  for (const auto& name : {std::string("tokenizer.bin"), fmt::format("tok{}.bin", vocab_size)})
    if (fs::exists(directory / name, error)) return directory / name;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory.empty() ? "." : directory, error))
    if (const fs::path& path = entry.path(); path.extension() == ".bin" && path.filename().string().starts_with("tok"))
      found.push_back(path);
  return found.size() == 1 ? found.front() : fs::path();
}

Result<Vocabulary> read_vocabulary(const fs::path& file, const fs::path& tokenizer, std::int64_t vocab_size) {
  if (tokenizer.empty())
    return fail(Remedy{"put its tokenizer.bin there"}, "{}: no tokenizer beside it", file.string());
  SC_TRY_ASSIGN(const std::string bytes, read_text_file(tokenizer));
  return within(tokenizer.string(), vocabulary_from_llama2c(bytes, vocab_size));
}

}  // namespace

Result<Contents> parse_llama2c(std::span<const std::byte> file) {
  SC_TRY_ASSIGN(ModelConfig config, config_of(file));
  SC_TRY_ASSIGN(std::vector<StoredTensor> tensors, lay_out(config, file));
  return complete({std::move(config), std::move(tensors)});
}

Result<std::unique_ptr<Checkpoint>> open_llama2c(const fs::path& file) {
  SC_TRY_ASSIGN(MappedFile map, MappedFile::open(file));
  SC_TRY_ASSIGN(Contents contents, within(file.string(), parse_llama2c(map.bytes())));
  const std::int64_t vocab_size = contents.config.vocab_size;
  const fs::path tokenizer = tokenizer_beside(file, vocab_size);
  std::vector<fs::path> files = {file};
  if (!tokenizer.empty()) files.push_back(tokenizer);
  std::vector<MappedFile> maps;
  maps.push_back(std::move(map));
  return std::make_unique<MappedCheckpoint>(
      std::move(contents), std::move(maps), std::move(files),
      [file, tokenizer, vocab_size] { return read_vocabulary(file, tokenizer, vocab_size); });
}

}  // namespace sparsecim

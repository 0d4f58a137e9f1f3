#include "checkpoint/gguf_model.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "checkpoint/formats.hpp"
#include "checkpoint/gguf_config.hpp"
#include "checkpoint/gguf_keys.hpp"

// Keys and tensor names: ggml's docs/gguf.md and llama.cpp's gguf-py/gguf/constants.py.

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

struct Renamed {
  std::string_view ggml, hugging_face;
};
constexpr std::array<Renamed, 3> kOutside = {{{"token_embd.weight", "model.embed_tokens.weight"},
                                              {"output_norm.weight", "model.norm.weight"},
                                              {"output.weight", "lm_head.weight"}}};
constexpr std::array<Renamed, 9> kInBlock = {{{"attn_norm", "input_layernorm"},
                                              {"attn_q", "self_attn.q_proj"},
                                              {"attn_k", "self_attn.k_proj"},
                                              {"attn_v", "self_attn.v_proj"},
                                              {"attn_output", "self_attn.o_proj"},
                                              {"ffn_norm", "post_attention_layernorm"},
                                              {"ffn_gate", "mlp.gate_proj"},
                                              {"ffn_up", "mlp.up_proj"},
                                              {"ffn_down", "mlp.down_proj"}}};

/// "blk.3.ffn_up.weight" as "model.layers.3.mlp.up_proj.weight"; a name that we do not know as it is.
std::string hugging_face_name(const std::string& name) {
  if (const auto found = std::ranges::find(kOutside, name, &Renamed::ggml); found != kOutside.end())
    return std::string(found->hugging_face);
  std::int64_t block = 0;
  if (!name.starts_with("blk.")) return name;
  const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), block);
  const std::string_view rest(end, name.data() + name.size());  // ".ffn_up.weight"
  const auto dot = rest.rfind('.');
  if (error != std::errc() || !rest.starts_with('.') || dot == 0) return name;
  const std::string_view kind = rest.substr(dot);
  const auto found = std::ranges::find(kInBlock, rest.substr(1, dot - 1), &Renamed::ggml);
  if (found == kInBlock.end() || (kind != ".weight" && kind != ".bias")) return name;
  return matrix_name(block, fmt::format("{}{}", found->hugging_face, kind));
}

/// How many heads' rows are interleaved in it. llama.cpp's convert_hf_to_gguf.py (LlamaModel.permute) does it to query
/// and key, weights and biases, of the architecture "llama"; the others turn Hugging Face's pairs.
std::int64_t interleaved_heads(std::string_view name, const ModelConfig& config) {
  if (config.architecture == "qwen2") return 0;
  const std::string_view matrix = name.substr(0, name.rfind('.'));
  if (matrix.ends_with("self_attn.q_proj")) return config.n_heads;
  return matrix.ends_with("self_attn.k_proj") ? config.n_kv_heads : 0;
}

}  // namespace

Result<Contents> gguf_contents(Gguf gguf) {
  SC_TRY_ASSIGN(ModelConfig config, gguf_config(gguf));
  Contents contents{std::move(config), {}};
  for (StoredTensor& tensor : gguf.tensors) {
    if (is_rope_table(tensor)) continue;
    tensor.info.name = hugging_face_name(tensor.info.name);
    tensor.interleaved_heads = interleaved_heads(tensor.info.name, contents.config);
    if (tensor.interleaved_heads && tensor.info.shape.size() == 1 && traits(tensor.storage).block_elements > 1)
      return fail("tensor '{}': a bias stored as {} is not read", tensor.info.name, tensor.info.storage);
    contents.tensors.push_back(std::move(tensor));
  }
  return complete(std::move(contents));
}

Result<Vocabulary> gguf_vocabulary(const Gguf& gguf) {
  GgufTokenizer tokenizer;
  SC_TRY_ASSIGN(tokenizer.model_name, string_of(gguf, "general.name", ""));
  SC_TRY_ASSIGN(tokenizer.model, string_of(gguf, "tokenizer.ggml.model", ""));
  SC_TRY_ASSIGN(tokenizer.pre, string_of(gguf, "tokenizer.ggml.pre", ""));
  SC_TRY_ASSIGN(tokenizer.chat_template, string_of(gguf, "tokenizer.chat_template", ""));
  SC_TRY_ASSIGN(tokenizer.tokens, array_of(gguf, "tokenizer.ggml.tokens", gguf_strings));
  SC_TRY_ASSIGN(tokenizer.merges, array_of(gguf, "tokenizer.ggml.merges", gguf_strings));
  SC_TRY_ASSIGN(const auto scores, array_of(gguf, "tokenizer.ggml.scores", gguf_numbers));
  SC_TRY_ASSIGN(const auto types, array_of(gguf, "tokenizer.ggml.token_type", gguf_integers));
  tokenizer.scores.assign(scores.begin(), scores.end());
  for (const std::int64_t type : types)  // saturated: what is out of range is refused with the rest
    tokenizer.token_types.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(type, INT32_MIN, INT32_MAX)));
  SC_TRY_ASSIGN(tokenizer.add_bos, maybe_bool(gguf, "tokenizer.ggml.add_bos_token"));
  SC_TRY_ASSIGN(tokenizer.add_eos, maybe_bool(gguf, "tokenizer.ggml.add_eos_token"));
  SC_TRY_ASSIGN(tokenizer.add_space_prefix, maybe_bool(gguf, "tokenizer.ggml.add_space_prefix"));
  SC_TRY_ASSIGN(tokenizer.bos, maybe_integer(gguf, "tokenizer.ggml.bos_token_id"));
  SC_TRY_ASSIGN(tokenizer.eos, maybe_integer(gguf, "tokenizer.ggml.eos_token_id"));
  SC_TRY_ASSIGN(tokenizer.unknown, maybe_integer(gguf, "tokenizer.ggml.unknown_token_id"));
  return vocabulary_from_gguf(std::move(tokenizer));
}

Result<std::unique_ptr<Checkpoint>> open_gguf(const fs::path& file) {
  SC_TRY_ASSIGN(MappedFile map, MappedFile::open(file));
  SC_TRY_ASSIGN(Gguf gguf, within(file.string(), parse_gguf(map.bytes())));
  const auto metadata = std::make_shared<const Gguf>(Gguf{gguf.metadata, {}});
  SC_TRY_ASSIGN(Contents contents, within(file.string(), gguf_contents(std::move(gguf))));
  std::vector<MappedFile> maps;
  maps.push_back(std::move(map));
  return std::make_unique<MappedCheckpoint>(std::move(contents), std::move(maps), std::vector{file}, [file, metadata] {
    return within(file.string(), gguf_vocabulary(*metadata));
  });
}

}  // namespace sparsecim

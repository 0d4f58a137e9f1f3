"""qwen2_model.py FOLDER: a Qwen2 of two blocks in two shards, every weight one, with LLaMA 3's RoPE scaling and a sliding
window in its second block."""

import json
import pathlib
import struct
import sys

CONFIG = {"model_type": "qwen2", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
          "num_key_value_heads": 1, "vocab_size": 10, "max_position_embeddings": 64, "use_sliding_window": True,
          "sliding_window": 16, "max_window_layers": 1,
          "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                           "original_max_position_embeddings": 8192}}
OUTSIDE = {"model.embed_tokens.weight": [10, 8], "model.norm.weight": [8], "lm_head.weight": [10, 8]}
BLOCK = {"input_layernorm.weight": [8], "post_attention_layernorm.weight": [8], "self_attn.o_proj.weight": [8, 8],
         "mlp.gate_proj.weight": [12, 8], "mlp.up_proj.weight": [12, 8], "mlp.down_proj.weight": [8, 12]}
for name, size in (("q", 8), ("k", 4), ("v", 4)):
    BLOCK |= {f"self_attn.{name}_proj.weight": [size, 8], f"self_attn.{name}_proj.bias": [size]}
ONE_AS_BFLOAT16 = b"\x80\x3f"


def shard(shapes):
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + ONE_AS_BFLOAT16 * (end // 2)


def main(folder):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    blocks = {f"model.layers.{block}.{name}": shape for block in range(2) for name, shape in BLOCK.items()}
    index = {}
    for i, shapes in enumerate((OUTSIDE, blocks), 1):
        (folder / f"model-{i}-of-2.safetensors").write_bytes(shard(shapes))
        index |= dict.fromkeys(shapes, f"model-{i}-of-2.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

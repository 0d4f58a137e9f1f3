"""Tiny models of transformers, written as llama.cpp's converter lays out each family, are read back as they were."""

import json
import math

import gguf
import numpy as np
import pytest

HIDDEN, HEADS, KV_HEADS, HEAD_DIM = 64, 4, 2, 16
SIZES = {"hidden_size": HIDDEN, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": HEADS,
         "num_key_value_heads": KV_HEADS, "vocab_size": 48, "max_position_embeddings": 128, "rms_norm_eps": 1e-5}
GGML = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers": "blk",
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}


def ggml_name(name):
    for theirs, ggml in GGML.items():
        name = name.replace(theirs, ggml)
    return name


def permuted(weights, heads):
    """The two halves of each head interleaved, weights or bias: what the converter does for the architecture llama."""
    return weights.reshape(heads, 2, HEAD_DIM // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def stored(name, weights, architecture):
    if architecture == "llama" and "q_proj" in name:
        return permuted(weights, HEADS)
    if architecture == "llama" and "k_proj" in name:
        return permuted(weights, KV_HEADS)
    return weights


def frequencies(config):
    """RoPE's, by transformers, scaled as the configuration says."""
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    return LlamaRotaryEmbedding(config).inv_freq.double().numpy()


def write(path, model, architecture, window=None):
    config = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "llama3":
        unscaled = rope["rope_theta"] ** -(np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        writer.add_tensor("rope_freqs.weight", (unscaled / frequencies(config)).astype(np.float32))
    if window:
        writer.add_sliding_window(window)
    for name, weights in model.state_dict().items():
        if name != "lm_head.weight" or not config.tie_word_embeddings:
            writer.add_tensor(ggml_name(name), np.ascontiguousarray(stored(name, weights.numpy(), architecture)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("family, architecture, changes", [
    ("Llama", "llama", {"tie_word_embeddings": True}),
    ("Llama", "llama", {"tie_word_embeddings": False}),
    ("Llama", "llama", {"attention_bias": True, "mlp_bias": True}),
    ("Llama", "llama", {"rope_parameters": LLAMA3}),
    ("Llama", "llama", {"rope_parameters": {**LLAMA3, "factor": 32.0, "original_max_position_embeddings": 8192}}),
    ("Llama", "llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
    ("Mistral", "llama", {"sliding_window": None}),
    ("Mistral", "llama", {"sliding_window": 6}),
    ("Qwen2", "qwen2", {"tie_word_embeddings": True}),
    ("Qwen2", "qwen2", {"rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}),
], ids=lambda value: value if isinstance(value, str) else ",".join(value))
def test_a_model_of_each_family_is_read_from_gguf_as_it_was(run, torch, tmp_path, family, architecture, changes):
    transformers = pytest.importorskip("transformers")
    model = getattr(transformers, f"{family}ForCausalLM")(getattr(transformers, f"{family}Config")(**SIZES, **changes))
    for parameter in model.parameters():  # biases start as zeros, norms as ones
        torch.nn.init.normal_(parameter)
    write(tmp_path / "tiny.gguf", model, architecture, changes.get("sliding_window"))
    (tmp_path / "out").mkdir()
    listing = json.loads(run("dump_checkpoint", tmp_path / "tiny.gguf", tmp_path / "out"))
    weights = {name: tensor for name, tensor in model.state_dict().items()
               if name != "lm_head.weight" or not model.config.tie_word_embeddings}
    assert listing["tensors"].keys() == weights.keys()
    for name, expected in weights.items():
        mine = np.fromfile(tmp_path / "out" / name, dtype="<f4").reshape(expected.shape)
        np.testing.assert_array_equal(mine, expected.numpy(), name)
    config = transformers.AutoConfig.for_model(**listing["config"])
    assert math.isclose(config.rms_norm_eps, model.config.rms_norm_eps)
    assert getattr(config, "sliding_window", None) == getattr(model.config, "sliding_window", None)
    np.testing.assert_allclose(frequencies(config), frequencies(model.config), rtol=1e-6)

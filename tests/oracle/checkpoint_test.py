"""Files written by PyPI's gguf and safetensors are read as those libraries read them, bit for bit."""

import json

import gguf
import numpy as np
import pytest
import safetensors.numpy

HIDDEN, WIDE, LAYERS, HEADS, KV_HEADS, VOCABULARY = 64, 96, 2, 4, 2, 48
HEAD_DIM = HIDDEN // HEADS

IN_BLOCK = {  # Hugging Face name, GGUF name, shape
    "input_layernorm": ("attn_norm", (HIDDEN,)),
    "self_attn.q_proj": ("attn_q", (HIDDEN, HIDDEN)),
    "self_attn.k_proj": ("attn_k", (KV_HEADS * HEAD_DIM, HIDDEN)),
    "self_attn.v_proj": ("attn_v", (KV_HEADS * HEAD_DIM, HIDDEN)),
    "self_attn.o_proj": ("attn_output", (HIDDEN, HIDDEN)),
    "post_attention_layernorm": ("ffn_norm", (HIDDEN,)),
    "mlp.gate_proj": ("ffn_gate", (WIDE, HIDDEN)),
    "mlp.up_proj": ("ffn_up", (WIDE, HIDDEN)),
    "mlp.down_proj": ("ffn_down", (HIDDEN, WIDE)),
}
NAMES = {"model.embed_tokens": ("token_embd", (VOCABULARY, HIDDEN)), "model.norm": ("output_norm", (HIDDEN,))}
for block in range(LAYERS):
    for name, (ggml, shape) in IN_BLOCK.items():
        NAMES[f"model.layers.{block}.{name}"] = (f"blk.{block}.{ggml}", shape)

TYPES = gguf.GGMLQuantizationType


def to_meta(weights, heads):
    """Rows as Meta's checkpoints have them: the two halves of each head interleaved."""
    return weights.reshape(heads, 2, HEAD_DIM // 2, -1).swapaxes(1, 2).reshape(weights.shape)


def to_hugging_face(weights, heads):
    return weights.reshape(heads, HEAD_DIM // 2, 2, -1).swapaxes(1, 2).reshape(weights.shape)


def heads_of(name):
    return {"q_proj": HEADS, "k_proj": KV_HEADS}.get(name.rsplit(".")[-1])


def random_weights(shape, generator):
    """Normal, with the outliers and the blocks of zeros and of equal values that make scales extreme."""
    weights = generator.normal(size=shape).astype(np.float32)
    weights *= np.float32(10.0) ** generator.integers(-3, 3, size=(*shape[:-1], 1)).astype(np.float32)
    flat = weights.reshape(-1)
    flat[:32] = 0
    flat[32:64] = 0.25
    return weights


def write_gguf(path, kind, generator):
    """Writes a tiny LLaMA with matrices of one type; gives the values that PyPI's gguf reads out of it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(WIDE)
    writer.add_context_length(128)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(50000.0)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_vocab_size(VOCABULARY)
    expected = {}
    for name, (ggml, shape) in NAMES.items():
        weights = random_weights(shape, generator)
        if heads_of(name):
            weights = to_meta(weights, heads_of(name))
        stored_as = kind if len(shape) == 2 else TYPES.F32
        stored = gguf.quants.quantize(weights, stored_as)
        writer.add_tensor(f"{ggml}.weight", stored, raw_dtype=stored_as)
        values = gguf.quants.dequantize(stored, stored_as)
        expected[name] = to_hugging_face(values, heads_of(name)) if heads_of(name) else values
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def dumped(run, model, folder):
    folder.mkdir()
    listing = json.loads(run("dump_checkpoint", model, folder))
    values = {name: np.fromfile(folder / name, dtype="<f4").reshape(tensor["shape"])
              for name, tensor in listing["tensors"].items()}
    return listing, values


@pytest.mark.parametrize("kind", [TYPES.F32, TYPES.F16, TYPES.BF16, TYPES.Q8_0, TYPES.Q4_0, TYPES.Q4_1], ids=lambda k: k.name)
def test_a_gguf_of_every_type_is_read_as_gguf_reads_it(run, tmp_path, kind):
    expected = write_gguf(tmp_path / "tiny.gguf", kind, np.random.default_rng(kind.value))
    listing, values = dumped(run, tmp_path / "tiny.gguf", tmp_path / "out")
    assert listing["config"]["rope_theta"] == 50000 and listing["config"]["rms_norm_eps"] == 1e-5
    assert values.keys() == {f"{name}.weight" for name in NAMES}
    for name, weights in expected.items():
        mine = values[f"{name}.weight"]
        assert listing["tensors"][f"{name}.weight"]["storage"] == (kind.name if weights.ndim == 2 else "F32")
        np.testing.assert_array_equal(mine.view(np.uint32), np.ascontiguousarray(weights, np.float32).view(np.uint32), name)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_safetensors_are_read_as_safetensors_reads_them(run, tmp_path, dtype):
    generator = np.random.default_rng(7)
    weights = {f"{name}.weight": generator.normal(size=shape).astype(dtype) for name, (_, shape) in NAMES.items()}
    model = tmp_path / "model"
    model.mkdir()
    safetensors.numpy.save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    (model / "config.json").write_text(json.dumps({
        "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": WIDE, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": VOCABULARY,
        "tie_word_embeddings": True}))
    _, values = dumped(run, model, tmp_path / "out")
    assert values.keys() == weights.keys()
    for name, expected in weights.items():
        np.testing.assert_array_equal(values[name], expected.astype(np.float32), name)

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


def random_blocks(shape, kind, generator):
    """Bytes of any value, but for the scales, which are any finite half: subnormal, negative, zero, large."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, size=(shape[0] * shape[1] // elements, size), dtype=np.uint8)
    halves = generator.integers(0, 0x7C00, size=(len(blocks), 2)) | generator.integers(0, 2, size=(len(blocks), 2)) << 15
    halves[::5] &= 0x83FF  # subnormal or zero
    halves = halves.astype("<u2").view(np.uint8)
    if kind == TYPES.Q6_K:
        blocks[:, -2:] = halves[:, :2]
    elif kind in (TYPES.Q4_1, TYPES.Q5_1, TYPES.Q4_K, TYPES.Q5_K):  # a scale of the minima too
        blocks[:, :4] = halves
    else:
        blocks[:, :2] = halves[:, :2]
    return blocks.reshape(shape[0], -1)


QUANTISED = [TYPES.Q8_0, TYPES.Q4_0, TYPES.Q4_1, TYPES.Q5_0, TYPES.Q5_1, TYPES.Q4_K, TYPES.Q5_K, TYPES.Q6_K]


@pytest.mark.parametrize("kind", QUANTISED, ids=lambda k: k.name)
def test_random_blocks_of_every_type_are_read_as_gguf_reads_them(run, tmp_path, kind):
    generator = np.random.default_rng(100 + kind.value)
    hidden, wide, vocabulary = 256, 512, 64
    shapes = {"token_embd": (vocabulary, hidden), "blk.0.attn_q": (hidden, hidden), "blk.0.attn_k": (hidden, hidden),
              "blk.0.attn_v": (hidden, hidden), "blk.0.attn_output": (hidden, hidden), "blk.0.ffn_gate": (wide, hidden),
              "blk.0.ffn_up": (wide, hidden), "blk.0.ffn_down": (hidden, wide)}
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(wide)
    writer.add_context_length(128)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    expected = {}
    for name, shape in shapes.items():
        blocks = random_blocks(shape, kind, generator)
        writer.add_tensor(f"{name}.weight", blocks, raw_dtype=kind)
        expected[name] = gguf.quants.dequantize(blocks, kind)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(hidden, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    _, values = dumped(run, tmp_path / "tiny.gguf", tmp_path / "out")
    for ggml, mine in {"token_embd": "model.embed_tokens", "blk.0.attn_v": "model.layers.0.self_attn.v_proj",
                       "blk.0.attn_output": "model.layers.0.self_attn.o_proj",
                       "blk.0.ffn_gate": "model.layers.0.mlp.gate_proj", "blk.0.ffn_up": "model.layers.0.mlp.up_proj",
                       "blk.0.ffn_down": "model.layers.0.mlp.down_proj"}.items():
        np.testing.assert_array_equal(values[f"{mine}.weight"].view(np.uint32), expected[ggml].view(np.uint32), ggml)


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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_shards_that_transformers_saved_are_read_as_it_reads_them(run, torch, tmp_path, dtype):
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(hidden_size=HIDDEN, intermediate_size=WIDE, num_hidden_layers=3,
                                      num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, vocab_size=VOCABULARY,
                                      tie_word_embeddings=False)
    model = transformers.LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.save_pretrained(tmp_path / "model", max_shard_size="40KB")
    shards = sorted((tmp_path / "model").glob("model-*.safetensors"))
    assert len(shards) > 3 and not (tmp_path / "model/model.safetensors").exists()
    _, values = dumped(run, tmp_path / "model", tmp_path / "out")
    weights = model.state_dict()
    assert values.keys() == weights.keys()
    for name, expected in weights.items():
        np.testing.assert_array_equal(values[name], expected.float().numpy(), name)


def test_one_file_wins_over_shards_as_in_transformers(run, torch, tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(hidden_size=HIDDEN, intermediate_size=WIDE, num_hidden_layers=1,
                                      num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, vocab_size=VOCABULARY)
    whole, shards = (transformers.LlamaForCausalLM(config) for _ in range(2))
    whole.save_pretrained(tmp_path / "model")
    shards.save_pretrained(tmp_path / "shards", max_shard_size="40KB")
    for path in (tmp_path / "shards").glob("model*"):
        path.rename(tmp_path / "model" / path.name)
    theirs = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "model").state_dict()
    _, values = dumped(run, tmp_path / "model", tmp_path / "out")
    name = "model.embed_tokens.weight"
    np.testing.assert_array_equal(theirs[name].numpy(), whole.state_dict()[name].numpy())
    np.testing.assert_array_equal(values[name], theirs[name].numpy())

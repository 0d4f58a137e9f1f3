"""The models that we run and the checkpoints that we write mean to PyPI's transformers what they mean to us."""

import json

import numpy as np
import pytest

transformers = pytest.importorskip("transformers")

IDS = [1, 17, 42, 5, 63, 63, 2, 30, 11, 8, 55, 21]
# Float32 on both sides; sums are taken in another order.
RELATIVE = 1e-4


def our_logits(run, model, ids, *options):
    return np.array(json.loads(run("dump_logits", model, *options, "--ids", *ids)), dtype=np.float32)


def their_logits(torch, model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float().numpy()


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=RELATIVE * np.abs(theirs).max())


def loaded(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()


def tiny_model(torch, family, **changes):
    """Random weights large enough for attention to be far from uniform and every norm and bias to matter."""
    shape = dict(vocab_size=64, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6,
                 num_key_value_heads=2, max_position_embeddings=512, rms_norm_eps=1e-4, initializer_range=0.3,
                 tie_word_embeddings=False)
    config = getattr(transformers, family + "Config")(**{**shape, **changes})
    model = getattr(transformers, family + "ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
            elif name.endswith("bias"):
                weight.uniform_(-1, 1)
    return model


def rope(kind, **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **more}}


# With 64 original positions the four frequencies of a head of eight turn 10, 1, 0.1 and 0.01 times: kept, blended, slowed.
LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=0.5, high_freq_factor=4.0, original_max_position_embeddings=64)

VARIANTS = {
    "llama-grouped": ("Llama", {}),
    "llama-tied": ("Llama", {"tie_word_embeddings": True}),
    "llama-not-grouped": ("Llama", {"num_key_value_heads": 6}),
    "llama-one-key-head-and-slow-rotation": ("Llama", {"num_key_value_heads": 1, **rope("default", rope_theta=5e5)}),
    "llama-heads-wider-than-the-model": ("Llama", {"num_attention_heads": 4, "head_dim": 16}),
    "llama-attention-biases": ("Llama", {"attention_bias": True}),
    "llama-biases-everywhere": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama3-scaling": ("Llama", LLAMA3),
    "llama3-scaling-tied": ("Llama", {**LLAMA3, "tie_word_embeddings": True}),
    "linear-scaling": ("Llama", rope("linear", factor=2.5)),
    "mistral": ("Mistral", {"sliding_window": 9}),
    "mistral-without-window": ("Mistral", {"sliding_window": None, "head_dim": 16}),
    "mistral-wide-window": ("Mistral", {"sliding_window": 100, **rope("linear", factor=2.0)}),
    "qwen2": ("Qwen2", {}),
    "qwen2-tied": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen2-some-blocks-slide": ("Qwen2", {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1}),
}
# Beyond LLaMA-3's original context, many windows, and more than one chunk of queries.
LONG_IDS = [(7 * i * i + 3 * i + 1) % 64 for i in range(300)]


@pytest.mark.parametrize("ids", [IDS, LONG_IDS], ids=["short", "long"])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_random_model_gives_the_same_logits(run, torch, tmp_path, name, ids):
    family, changes = VARIANTS[name]
    model = tiny_model(torch, family, **changes)
    model.save_pretrained(tmp_path)
    theirs = their_logits(torch, model, ids)
    assert_close(our_logits(run, tmp_path, ids), theirs)
    for piece in (1, 61):  # with the cache: token by token, and a prompt in pieces
        assert_close(our_logits(run, tmp_path, ids, "--piece", piece), theirs)


@pytest.mark.parametrize("name", ["llama-grouped", "llama-biases-everywhere", "llama3-scaling", "mistral",
                                  "qwen2-some-blocks-slide"])
def test_a_model_in_half_precision_gives_the_same_logits(run, torch, tmp_path, name):
    family, changes = VARIANTS[name]
    for dtype in ("bfloat16", "float16"):
        tiny_model(torch, family, **changes).to(getattr(torch, dtype)).save_pretrained(tmp_path / dtype)
        # Read back, since the rotary frequencies of the model in memory were rounded along with its weights.
        theirs = their_logits(torch, loaded(tmp_path / dtype), IDS)
        assert_close(our_logits(run, tmp_path / dtype, IDS), theirs)


@pytest.mark.parametrize("name", ["llama-grouped", "llama3-scaling", "mistral", "qwen2-some-blocks-slide"])
def test_computing_in_bfloat16_is_as_close_to_float32_as_theirs(run, torch, tmp_path, name):
    """Both round the same values to 8 bits in other places: our distance from float32 is at most twice theirs."""
    family, changes = VARIANTS[name]
    tiny_model(torch, family, **changes).to(torch.bfloat16).save_pretrained(tmp_path)
    exact = their_logits(torch, loaded(tmp_path), LONG_IDS)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype="bfloat16").eval()

    def distance(logits):
        return np.sqrt(np.mean((logits - exact) ** 2))

    theirs = distance(their_logits(torch, model, LONG_IDS))
    assert 0 < distance(our_logits(run, tmp_path, LONG_IDS, "--dtype", "bfloat16")) < 2 * theirs


def exported(run, data, folder, *options):
    source = data / "models/stories260K/stories260K.bin"
    run("sparsecim", "prune", source, *options, "-o", folder)
    return source


def stories(data, count):
    text = (data / "text/tinystories_1000.txt").read_text()
    return [story.strip() for story in text.split("<|endoftext|>") if story.strip()][:count]


def our_ids(run, source, texts):
    lines = run("tokenize_lines", source.parent / "tok512.bin", "--size", 512,
                stdin="".join(json.dumps(text) + "\n" for text in texts))
    return [json.loads(line)["ids"] for line in lines.splitlines()]


def test_a_pruned_export_has_the_same_ids_and_logits(run, torch, data, tmp_path):
    source = exported(run, data, tmp_path / "sparse", "--pattern", "2:4", "--importance", "magnitude")
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(tmp_path / "sparse"), loaded(tmp_path / "sparse")
    texts = [*stories(data, 20), " Two  spaces,\na new line, äöü, 漢字 and 🙂."]
    for text, ids in zip(texts, our_ids(run, source, texts), strict=True):
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids
        assert tokenizer.decode(ids) == text
    prefix = [tokenizer.bos_token_id, *ids][:100]
    assert_close(our_logits(run, tmp_path / "sparse", prefix), their_logits(torch, model, prefix))
    weight = model.model.layers[2].mlp.up_proj.weight
    assert (weight.reshape(-1, 4) != 0).sum(1).max() == 2


def test_an_export_with_nothing_removed_has_the_loss_of_the_source(run, torch, data, tmp_path):
    """1.3065 nats/token: the reference value of stories260K over the first 40 stories, 256 predicted tokens at most each."""
    exported(run, data, tmp_path / "whole", "--pattern", "dense", "--importance", "magnitude")
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(tmp_path / "whole"), loaded(tmp_path / "whole")
    losses = []
    for story in stories(data, 40):
        ids = [tokenizer.bos_token_id, *tokenizer(story, add_special_tokens=False)["input_ids"]][:257]
        logits = torch.from_numpy(their_logits(torch, model, ids[:-1]))
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none"))
    assert torch.cat(losses).mean().item() == pytest.approx(1.3065, abs=5e-4)

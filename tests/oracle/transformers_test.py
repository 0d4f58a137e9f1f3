"""The models that we run and the checkpoints that we write mean to PyPI's transformers what they mean to us."""

import json

import numpy as np
import pytest

transformers = pytest.importorskip("transformers")

IDS = [1, 17, 42, 5, 63, 63, 2, 30, 11, 8, 55, 21]
# Float32 on both sides; sums are taken in another order.
RELATIVE = 1e-4


def our_logits(run, model, ids):
    return np.array(json.loads(run("dump_logits", model, *ids)), dtype=np.float32)


def their_logits(torch, model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float().numpy()


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=RELATIVE * np.abs(theirs).max())


def loaded(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()


def tiny_llama(torch, **changes):
    """Random weights large enough for attention to be far from uniform and every norm to matter."""
    shape = dict(vocab_size=64, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6,
                 num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-4, initializer_range=0.3,
                 tie_word_embeddings=False)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**shape, **changes})).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize("changes", [
    {},
    {"tie_word_embeddings": True},
    {"num_key_value_heads": 6},
    {"num_key_value_heads": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    {"num_attention_heads": 4, "head_dim": 16},
], ids=["grouped", "tied", "not-grouped", "one-head-and-slow-rotation", "heads-wider-than-the-model"])
def test_a_random_model_gives_the_same_logits(run, torch, tmp_path, changes):
    model = tiny_llama(torch, **changes)
    model.save_pretrained(tmp_path)
    assert_close(our_logits(run, tmp_path, IDS), their_logits(torch, model, IDS))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_model_in_half_precision_gives_the_same_logits(run, torch, tmp_path, dtype):
    tiny_llama(torch).to(getattr(torch, dtype)).save_pretrained(tmp_path)
    # Read back, since the rotary frequencies of the model in memory were rounded along with its weights.
    assert_close(our_logits(run, tmp_path, IDS), their_logits(torch, loaded(tmp_path), IDS))


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

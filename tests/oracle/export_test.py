"""What we export loads in transformers as the model that it came from."""

import json

import numpy as np
import pytest

# Nats per token over the first 40 stories, from an independent float32 forward pass (one story at a time, BOS first,
# at most 256 predicted tokens of each).
REFERENCE_LOSS = {"stories260K": 1.3065, "stories15M": 1.1135}


def load(transformers, torch, folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def exported(run, model, folder):
    folder.mkdir()
    run("export_checkpoint", model, folder)
    return folder


@pytest.fixture(scope="session")
def transformers(torch):
    return pytest.importorskip("transformers")


def loss_on_stories(torch, model, tokenizer, stories):
    total, count = 0.0, 0
    for story in stories:
        ids = tokenizer(story, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[model.config.bos_token_id, *ids]][0][:257])
        with torch.no_grad():
            logits = model(ids[None, :-1]).logits[0]
        total += torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum").item()
        count += len(ids) - 1
    return total / count


@pytest.mark.parametrize("name", REFERENCE_LOSS)
def test_a_llama2c_file_exported_has_the_reference_loss_in_transformers(run, data, torch, transformers, tmp_path, name):
    folder = exported(run, data / "models" / name, tmp_path / "model")
    model, tokenizer = load(transformers, torch, folder)
    text = (data / "text/tinystories_1000.txt").read_text(encoding="utf-8")
    stories = [story.strip() for story in text.split("<|endoftext|>")]
    loss = loss_on_stories(torch, model, tokenizer, [story for story in stories if story][:40])
    assert loss == pytest.approx(REFERENCE_LOSS[name], abs=5e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_model_that_transformers_saved_comes_back_bit_for_bit(run, torch, transformers, tmp_path, dtype, tied):
    config = transformers.LlamaConfig(vocab_size=48, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                                      num_attention_heads=4, num_key_value_heads=2, rope_theta=50000.0,
                                      max_position_embeddings=128, tie_word_embeddings=tied)
    transformers.LlamaForCausalLM(config).to(getattr(torch, dtype)).save_pretrained(tmp_path / "original")
    folder = exported(run, tmp_path / "original", tmp_path / "exported")
    load_as_stored = transformers.AutoModelForCausalLM.from_pretrained
    original, copy = (load_as_stored(path, dtype="auto").eval() for path in (tmp_path / "original", folder))
    assert copy.dtype == original.dtype == getattr(torch, dtype)
    for (name, mine), (_, theirs) in zip(copy.state_dict().items(), original.state_dict().items(), strict=True):
        assert torch.equal(mine, theirs), name
    ids = torch.arange(40)[None]
    assert torch.equal(copy(ids).logits, original(ids).logits)
    assert copy.generation_config.eos_token_id == original.generation_config.eos_token_id


LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}


@pytest.mark.parametrize("family, changes", [
    ("Llama", {"attention_bias": True, "mlp_bias": True}),
    ("Llama", {"rope_parameters": LLAMA3}),
    ("Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}}),
    ("Mistral", {"sliding_window": 6, "head_dim": 32}),
    ("Mistral", {"sliding_window": None}),
    ("Qwen2", {"tie_word_embeddings": True}),
    ("Qwen2", {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1}),
])
def test_a_model_of_each_variant_loads_as_its_own_class_and_computes_the_same(run, torch, transformers, tmp_path, family,
                                                                             changes):
    shape = dict(vocab_size=48, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3)
    config = getattr(transformers, family + "Config")(**{**shape, **changes})
    original = getattr(transformers, family + "ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, weight in original.named_parameters():
            if name.endswith("bias"):
                weight.uniform_(-1, 1)
    original.save_pretrained(tmp_path / "original")
    copy = transformers.AutoModelForCausalLM.from_pretrained(exported(run, tmp_path / "original", tmp_path / "exported"))
    assert type(copy) is type(original)
    ids = torch.arange(40)[None]
    assert torch.equal(copy.eval()(ids).logits, original(ids).logits)


def test_the_values_that_transformers_loads_are_those_that_we_read(run, data, torch, transformers, tmp_path):
    folder = exported(run, data / "models/stories260K", tmp_path / "model")
    model, _ = load(transformers, torch, folder)
    (tmp_path / "values").mkdir()
    listing = json.loads(run("dump_checkpoint", data / "models/stories260K", tmp_path / "values"))
    weights = model.state_dict()
    for name in listing["tensors"]:
        values = np.fromfile(tmp_path / "values" / name, dtype="<f4")
        np.testing.assert_array_equal(weights[name].numpy().reshape(-1), values, name)

"""What tools/fisher_influence.py predicts, against sums over every next token and the program's own masks."""

import pathlib
import subprocess
import sys

import pytest

transformers = pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"
sys.path.insert(0, str(TOOLS))
IDS = [1, 9, 4, 14, 2, 7]


@pytest.fixture
def influence(torch):
    import fisher_influence

    return fisher_influence


@pytest.fixture
def model(torch):
    config = transformers.LlamaConfig(vocab_size=16, hidden_size=16, intermediate_size=24, num_hidden_layers=1,
                                      num_attention_heads=2, num_key_value_heads=2, initializer_range=0.3)
    return transformers.LlamaForCausalLM(config).eval()


def exact_fisher(torch, model, name):
    """Every next token by its probability: a token's mean of the squared gradients of log p(y)."""
    weight = dict(model.named_parameters())[name]
    total = torch.zeros_like(weight)
    log_p = torch.log_softmax(model(torch.tensor([IDS])).logits[0], -1)
    for row in log_p:
        for value in row:
            (gradient,) = torch.autograd.grad(value, weight, retain_graph=True)
            total += value.exp().item() * gradient.square()
    return total / len(IDS)


def test_the_diagonal_is_the_mean_over_every_next_token(torch, influence, model, monkeypatch):
    monkeypatch.setattr(influence, "DRAWS", 1000)
    found, _ = influence.fisher(model, [IDS])
    for matrix in ("model.layers.0.mlp.down_proj", "model.layers.0.self_attn.q_proj"):
        expected = exact_fisher(torch, model, matrix + ".weight")
        assert found[matrix].sum().item() == pytest.approx(expected.sum().item(), rel=0.1)
        assert torch.corrcoef(torch.stack([found[matrix].flatten(), expected.flatten()]))[0, 1] > 0.98


def test_it_drops_what_the_program_drops(run, torch, influence, shape, tmp_path):
    """By Wanda with norms that are all one: by magnitude."""
    subprocess.run([TOOLS / "make-random-model", shape, tmp_path / "model", "--dtype", "float32"], check=True, capture_output=True)
    run("sparsecim", "prune", tmp_path / "model", "--pattern", "2:4", "--importance", "magnitude", "-o", tmp_path / "pruned")
    dense, pruned = (dict(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype="float32").named_parameters())
                     for name in ("model", "pruned"))
    matrices = [name for name in dense if "_proj" in name]
    assert len(matrices) == 21
    for name in matrices:
        assert torch.equal(influence.dropped(dense[name], torch.ones(dense[name].shape[1]), "2:4"), pruned[name] == 0), name

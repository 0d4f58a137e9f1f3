"""tools/make-random-model writes checkpoints that transformers reads as we do."""

import json
import pathlib
import subprocess

import numpy as np
import pytest

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/make-random-model"
IDS = [3, 141, 59, 265, 35, 89, 7, 93]


def make(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_logits_are_those_of_transformers(run, torch, shape, tmp_path, dtype):
    transformers = pytest.importorskip("transformers")
    made = make(shape, tmp_path / "model", "--dtype", dtype)
    assert made.returncode == 0, made.stderr
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    with torch.no_grad():
        expected = model(torch.tensor([IDS])).logits[0].numpy()
    ours = np.array(json.loads(run("dump_logits", tmp_path / "model", "--ids", *IDS)))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_seed_decides_the_weights(shape, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert make(shape, tmp_path / name, "--seed", seed).returncode == 0
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_mistakes_are_said_and_leave_nothing(shape, tmp_path):
    (tmp_path / "there").mkdir()
    for arguments, reason in (((shape, tmp_path / "there"), "exists already"), (("bert-large", tmp_path / "bert"), "describes no LLaMA"),
                              ((shape, tmp_path / "no/where"), "No such file")):  # fmt: skip
        refused = make(*arguments)
        assert refused.returncode == 1 and reason in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there", "tiny.yaml"]

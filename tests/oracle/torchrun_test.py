"""Started by torchrun itself, several processes give what one gives."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/make-random-model"
# 200 windows of 64 tokens are several batches, which two processes can share.
CALIBRATION = ["--samples", "200", "--length", "64", "--threads", "1"]


@pytest.fixture
def model(shape):
    """The folder of a model and of a text to calibrate it on."""
    subprocess.run([TOOL, shape, shape.parent / "model", "--dtype", "float32"], check=True, capture_output=True)
    (shape.parent / "text.txt").write_text("A small machine ate numbers and was happy. " * 400)
    return shape.parent


@pytest.fixture
def torchrun(run, torch):
    """torchrun(*arguments) -> exit status and standard error of two processes of the program."""
    libraries = [pathlib.Path(sys.prefix, "stand-ins"), *pathlib.Path(torch.__file__).parent.parent.glob("nvidia/*/lib")]
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, libraries)), "OMP_NUM_THREADS": "1"}

    def start(*arguments):
        command = [sys.executable, "-B", "-m", "torch.distributed.run", "--standalone", "--no-python", "--nproc-per-node", "2",
                   run.folder / "sparsecim", *arguments]
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stderr
    return start


def tensors(folder):
    """The bytes of a checkpoint behind its header, which names the command."""
    data = (folder / "model.safetensors").read_bytes()
    return data[8 + int.from_bytes(data[:8], "little"):]


def test_two_processes_prune_as_one_does(run, torchrun, model, tmp_path):
    prune = ["prune", model / "model", "--pattern", "2:4", "--text", model / "text.txt", *CALIBRATION, "-o"]
    run("sparsecim", *prune, tmp_path / "one")
    assert torchrun(*prune, tmp_path / "two")[0] == 0
    assert tensors(tmp_path / "two") == tensors(tmp_path / "one")


def test_two_processes_choose_as_one_does_by_measured_loss(run, torchrun, model, tmp_path):
    select = ["select", model / "model", "--method", "loss", "--sparsity", "0.55", "--loss-tokens", "256",
              "--text", model / "text.txt", *CALIBRATION]
    plans = {}
    for name, start in [("one", lambda *words: run("sparsecim", *words)), ("two", torchrun)]:
        start(*select, "-o", tmp_path / f"{name}.json")
        plans[name] = json.loads((tmp_path / f"{name}.json").read_text())
    assert plans["two"]["matrices"] == plans["one"]["matrices"]
    assert plans["two"]["notes"] == plans["one"]["notes"]


def test_an_error_of_both_ends_both(torchrun, model, tmp_path):
    status, errors = torchrun("prune", model / "model", "--pattern", "2:4", "--text", model / "no.txt", "-o", tmp_path / "out")
    assert status == 1
    assert "no.txt" in errors
    assert not (tmp_path / "out").exists()

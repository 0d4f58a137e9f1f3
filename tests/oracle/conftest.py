"""What the oracle tests share: our programs, the data, and PyTorch on a machine that has a CPU only."""

import ctypes
import os
import pathlib
import subprocess
import sys

import pytest

# Before torch is imported: see stand_ins.py.
for library in sorted(pathlib.Path(sys.prefix, "stand-ins").glob("*.so*")):
    ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


class Programs:
    """Runs a program of $SPARSECIM_BUILD/bin and gives what it printed; a failure shows what it said."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, name, *arguments, stdin=None):
        program = self.folder / name
        if not program.exists():
            pytest.skip(f"{name} is not built in {self.folder}")
        done = subprocess.run([program, *map(str, arguments)], input=stdin or "", capture_output=True, text=True)
        assert done.returncode == 0, f"{name} {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def run():
    """run("sparsecim", "eval", ...) -> standard output."""
    build = os.environ.get("SPARSECIM_BUILD")
    if not build:
        pytest.skip("SPARSECIM_BUILD does not name a build folder")
    return Programs(pathlib.Path(build) / "bin")


@pytest.fixture(scope="session")
def data():
    """The folder of models, texts and reference values that SPARSECIM_DATA names."""
    folder = os.environ.get("SPARSECIM_DATA")
    if not folder:
        pytest.skip("SPARSECIM_DATA is not set")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def torch():
    """PyTorch, one thread, so that sums are taken in the same order every time."""
    module = pytest.importorskip("torch", reason="no PyTorch for this Python (its wheel is for 3.11)", exc_type=ImportError)
    module.set_num_threads(1)
    module.manual_seed(1)
    return module


def pytest_sessionfinish(session, exitstatus):
    """A file of which nothing could be run is a skipped test, not a passed one; CTest knows it by this status."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and "passed" not in reporter.stats:
        session.exitstatus = 77


TINY_SHAPE = """
vocabulary: 300
max_positions: 64
decoder:
  layers: 3
  matrices:
    self_attn.q_proj: [32, 24]
    self_attn.k_proj: [16, 24]
    self_attn.v_proj: [16, 24]
    self_attn.o_proj: [24, 32]
    mlp.gate_proj: [40, 24]
    mlp.up_proj: [40, 24]
    mlp.down_proj: [24, 40]
  attention: {heads: 4, kv_heads: 2, head_dim: 8}
"""


@pytest.fixture
def shape(tmp_path):
    """Of a model that tools/make-random-model makes at once."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_SHAPE)
    return path

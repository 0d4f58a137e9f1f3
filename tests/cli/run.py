"""run.py FILE: runs the commands in FILE and compares what they say with what FILE says.

A line of a test file is one of
    # a comment
    $ COMMAND              run by bash in an empty folder of the file's own, with the build's programs on the path and a
                           command for every script x_model.py of this folder: tiny_model FILE.bin makes a small model
    exit N                 the command's exit status (0 where this line is missing)
    stdout TEXT            one line of standard output contains TEXT
    stdout ~ REGEX         one line of it matches REGEX (search)
    stdout json KEY        it is one JSON object, in which KEY (a.b for b in a) is a finite number, a string, a list or an object
    stdout empty           it is empty
    stderr ...             likewise for standard error
    needs data             the rest needs the folder in SPARSECIM_DATA, which commands reach as $SPARSECIM_DATA
    needs tensors          the rest needs a build with LibTorch
    needs text             the rest needs what tools/fetch-text english makes
Of a file that ends in .md the commands are the "$ " lines of its ```console blocks, which have to exit with 0.
Exit status: 0 when all is as written, 1 when something is not, 77 when nothing could be run.
"""

import dataclasses
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

SKIPPED = 77
COMMAND_LIMIT_S = 900
SHOWN_CHARACTERS = 4000
PAGE_MODEL = "smollm2-135m"


@dataclasses.dataclass
class Step:
    line: int
    command: str
    status: int = 0
    expectations: list = dataclasses.field(default_factory=list)  # (line, stream, text)


def cache_folder():
    """As tools/lib.sh has it."""
    fallback = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("SPARSECIM_CACHE") or f"{fallback}/sparsecim")


def unmet_need(need, build):
    """Why the machine does not have it, or nothing."""
    if need == "data":
        return None if os.environ.get("SPARSECIM_DATA") else "SPARSECIM_DATA is not set"
    if need == "tensors":
        return None if (build / "lib/libsparsecim_tensors.so").exists() else "built without LibTorch"
    if need == "text":
        return None if (cache_folder() / "text/english-calibration.txt").exists() else "tools/fetch-text english was not run"
    raise ValueError(f"unknown need '{need}'")


def parse(text, build):
    """The steps up to the first need that is not met, and why it is not."""
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word == "needs":
            if missing := unmet_need(rest, build):
                return steps, missing
        elif word == "$":
            steps.append(Step(number, rest))
        elif word == "exit" and steps:
            steps[-1].status = int(rest)
        elif word in ("stdout", "stderr") and steps:
            steps[-1].expectations.append((number, word, rest))
        else:
            raise ValueError(f"line {number}: '{line}' is not understood")
    return steps, None


def parse_markdown(text, build):
    """The page's commands on a tiny model in the place of the real one, which takes minutes."""
    if missing := unmet_need("tensors", build) or unmet_need("text", build):
        return [], missing
    steps = [Step(0, f"tiny_model {PAGE_MODEL}.bin 2048")]
    for block in re.finditer(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        first = text.count("\n", 0, block.start(1)) + 1
        for number, line in enumerate(block.group(1).splitlines(), first):
            if line.startswith("$ "):
                command = line[2:].replace(PAGE_MODEL, f"{PAGE_MODEL}.bin").replace("~/.cache/sparsecim", str(cache_folder()))
                steps.append(Step(number, command))
    return steps, None


def json_complaint(output, key):
    try:
        value = json.loads(output)
        for part in key.split("."):
            value = value[int(part) if isinstance(value, list) else part]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return f"has no '{key}' as JSON ({error!r})"
    if value is None or isinstance(value, float) and not math.isfinite(value):
        return f"has {value} for '{key}'"
    return None


def complaint(output, expected):
    """What is wrong with the output, or nothing."""
    kind, _, rest = expected.partition(" ")
    if expected == "empty":
        return "is not empty" if output else None
    if kind == "json":
        return json_complaint(output, rest)
    if kind == "~":
        return None if any(re.search(rest, line) for line in output.splitlines()) else f"has no line that matches {rest}"
    return None if any(expected in line for line in output.splitlines()) else f"has no line with '{expected}'"


def run_step(step, folder, environment):
    process = subprocess.Popen(["bash", "-c", step.command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                               start_new_session=True)
    try:
        stdout, stderr = process.communicate(timeout=COMMAND_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # bash and what it started
        process.communicate()
        return [f"line {step.line}: not done after {COMMAND_LIMIT_S} s"], ""
    said = {"stdout": stdout, "stderr": stderr}
    wrong = []
    if process.returncode != step.status:
        wrong.append(f"line {step.line}: exit {process.returncode}, not {step.status}")
    for number, stream, expected in step.expectations:
        if what := complaint(said[stream], expected):
            wrong.append(f"line {number}: {stream} {what}")
    return wrong, f"stdout:\n{stdout[:SHOWN_CHARACTERS]}stderr:\n{stderr[:SHOWN_CHARACTERS]}"


def main(path):
    build = pathlib.Path(os.environ["SPARSECIM_BUILD"])
    parser = parse_markdown if path.endswith(".md") else parse
    steps, missing = parser(pathlib.Path(path).read_text(), build)
    environment = {**os.environ, "PATH": f"{build / 'bin'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    for script in pathlib.Path(__file__).parent.glob("*_model.py"):
        environment[f"BASH_FUNC_{script.stem}%%"] = f"() {{ python3 -B '{script}' \"$@\"; }}"
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for step in steps:
            wrong, said = run_step(step, folder, environment)
            if wrong:
                failed = True
                print(f"$ {step.command}", *wrong, said, sep="\n")
    if missing:
        print(f"Skipped: {missing}")
    print(f"{len(steps)} commands run")
    sys.exit(1 if failed else 0 if steps else SKIPPED)


if __name__ == "__main__":
    main(sys.argv[1])

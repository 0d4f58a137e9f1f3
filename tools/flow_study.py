"""What the study of docs/results/flow.md tries, and its tables; tools/study-flow measures, tools/results writes the tables."""

import collections
import itertools
import json
import math
import pathlib
import statistics

from plot import Axis, Plot

MEASURED = pathlib.Path(__file__).resolve().parent.parent / "docs/results/flow"

# A plan by its name, how it is pruned, and what it is calibrated on.
Cell = collections.namedtuple("Cell", "model plan sparsity importance text seed", defaults=("wanda", "own", 0))


def flow_plans():
    """FLOW's every reading: name -> what `select` is told."""
    choices = [{"block": [], "matrix": ["--granularity", "matrix"]},
               {"": [], ", 7 options": ["--options", "hardware"]},
               {"": [], ", inverse": ["--m-rule", "inverse"]},
               {"": [], ", tau 5": ["--tau", "5"]},
               {"": [], ", chance": ["--nd", "chance"]}]
    for chosen in itertools.product(*(choice.items() for choice in choices)):
        yield ("FLOW, " + "".join(name for name, _ in chosen),
               ["--method", "flow", *itertools.chain.from_iterable(words for _, words in chosen)])


FLOW = dict(flow_plans())
# Where there is one pattern for all, the sparsity is the pattern's.
UNIFORM = {"1:2": 0.5, "2:4": 0.5, "4:8": 0.5, "8:16": 0.5, "3:8": 0.625, "6:16": 0.625, "2:8": 0.75}
FISHER = "loss, by Fisher's diagonal"  # in place of measured losses
PLANS = {**{f"uniform {pattern}": ["--method", "uniform", "--options", pattern] for pattern in UNIFORM},
         "OWL": ["--method", "owl"], **FLOW,
         "error-diag": ["--method", "error-diag"], "error": ["--method", "error"], "loss": ["--method", "loss"],
         "error-diag, any N of 8": ["--method", "error-diag", "--options", "n:8"],
         "loss, any N of 8": ["--method", "loss", "--options", "n:8"],
         FISHER: ["--method", "loss"]}
SHUFFLES = 10
STORIES, SMOLLM2 = "stories15M", "smollm2-135m"
MAIN = ["OWL", "FLOW, block", "FLOW, block, inverse", "FLOW, matrix", "FLOW, matrix, inverse", "error-diag", "error", "loss"]
SEVEN = [f"FLOW, {layer}, 7 options{rule}" for layer in ("block", "matrix") for rule in ("", ", inverse")]
ANY_N = ["error-diag, any N of 8", "loss, any N of 8"]
UPDATED = ["OWL", "FLOW, block", "FLOW, matrix", "error-diag", "error", "loss", "loss, any N of 8"]


def uniform_cells(model, patterns, **how):
    return [Cell(model, f"uniform {pattern}", UNIFORM[pattern], **how) for pattern in patterns]


def main_cells(model, sparsities, **how):
    return [Cell(model, plan, sparsity, **how) for sparsity in sparsities for plan in MAIN]


def shuffled_cells(model, sparsities, shuffles):
    return [Cell(model, f"loss, shuffled {i}", sparsity) for sparsity in sparsities for i in range(shuffles)]


def grid():
    """Group of cells by the name of the table that shows them first, in the order of measuring."""
    return {
        "flow_main": [Cell(STORIES, "dense", 0.0), *uniform_cells(STORIES, UNIFORM), *main_cells(STORIES, [0.5, 0.6, 0.7]),
                      *[Cell(STORIES, plan, sparsity) for sparsity in (0.5, 0.6, 0.7) for plan in [*ANY_N, FISHER]],
                      *shuffled_cells(STORIES, [0.5, 0.6, 0.7], SHUFFLES)],
        "flow_smollm2": [Cell(SMOLLM2, "dense", 0.0), *uniform_cells(SMOLLM2, ["4:8"]),
                         *[Cell(SMOLLM2, "loss", s) for s in (0.5, 0.6)], *uniform_cells(SMOLLM2, ["3:8", "2:4", "8:16", "6:16"]),
                         *main_cells(SMOLLM2, [0.6, 0.5]), *[Cell(SMOLLM2, "loss, any N of 8", s) for s in (0.5, 0.6)],
                         Cell(SMOLLM2, "uniform 4:8", 0.5, "sparsegpt"),
                         *[Cell(SMOLLM2, "loss", s, "sparsegpt") for s in (0.5, 0.6)],
                         *[Cell(SMOLLM2, plan, 0.6) for plan in SEVEN],
                         *shuffled_cells(SMOLLM2, [0.6, 0.5], SHUFFLES)],
        "flow_updated": [*uniform_cells(STORIES, ["2:4", "4:8", "8:16", "3:8"], importance="sparsegpt"),
                         *[Cell(STORIES, plan, sparsity, "sparsegpt") for sparsity in (0.5, 0.6, 0.7) for plan in UPDATED]],
        "flow_rules": [Cell(STORIES, plan, sparsity) for sparsity in (0.5, 0.6, 0.7) for plan in FLOW],
        "flow_texts": [*uniform_cells(STORIES, ["2:4", "4:8"], text="prose"), *main_cells(STORIES, [0.5, 0.6], text="prose"),
                       *[Cell(STORIES, "loss, any N of 8", sparsity, text="prose") for sparsity in (0.5, 0.6)]],
        "flow_seeds": [*[cell for seed in (1, 2) for cell in uniform_cells(STORIES, ["2:4", "4:8"], seed=seed)],
                       *[cell for seed in (1, 2) for cell in main_cells(STORIES, [0.5, 0.6], seed=seed)]]}


class Measured:
    """docs/results/flow/MODEL.json: {cell: {perplexity, tokens, sparsity, patterns}}"""

    def __init__(self):
        self.cells = {}
        for file in sorted(MEASURED.glob("*.json")):
            for row in json.loads(file.read_text())["cells"]:
                self.cells[Cell(*row["cell"])] = row

    def perplexity(self, cell):
        return self.cells[cell]["perplexity"]

    def shown(self, cell):
        """Perplexity, with the sparsity where it is more than was asked for by 0.1 points."""
        if cell not in self.cells:
            return ""
        row = self.cells[cell]
        more = f" ({100 * row['sparsity']:.1f} %)" if row["sparsity"] > cell.sparsity + 0.001 else ""
        return f"{row['perplexity']:.2f}{more}"

    def shuffled(self, model, sparsity):
        """Mean of the shuffled controls, and how many are lower than the plan that was shuffled."""
        all_cells = [Cell(model, f"loss, shuffled {i}", sparsity) for i in range(SHUFFLES)]
        values = [self.perplexity(cell) for cell in all_cells if cell in self.cells]
        if not values:
            return ""
        lower = sum(value < self.perplexity(Cell(model, "loss", sparsity)) for value in values)
        return f"{statistics.mean(values):.2f} ({lower} of {len(values)} below `loss`)"


def code(plan):
    head, comma, rest = plan.partition(",")
    return f"`{head}`{comma}{rest}" if head in ("error-diag", "error", "loss") else plan


def main_table(model, sparsities, plans):
    measured = Measured()
    dense = measured.perplexity(Cell(model, "dense", 0.0))
    yield "| plan | " + " | ".join(f"{100 * sparsity:g} %" for sparsity in sparsities) + " |"
    yield "|---" * (len(sparsities) + 1) + "|"
    yield f"| dense | {dense:.2f}" + " |" * len(sparsities)
    for pattern, own in UNIFORM.items():
        cell = Cell(model, f"uniform {pattern}", own)
        if cell in measured.cells:
            yield f"| uniform {pattern}, {measured.perplexity(cell):.2f} at {100 * own:g} % | " + " | ".join(
                between(measured, model, cell, sparsity) for sparsity in sparsities) + " |"
    for plan in plans:
        shown = [measured.shown(Cell(model, plan, sparsity)) for sparsity in sparsities]
        if any(shown):
            yield f"| {code(plan)} | " + " | ".join(shown) + " |"
    shuffled = [measured.shuffled(model, sparsity) for sparsity in sparsities]
    if any(shuffled):
        yield "| `loss`, shuffled (mean) | " + " | ".join(shuffled) + " |"


def between(measured, model, cell, sparsity):
    """A uniform pattern at its own sparsity; at another one interpolated to the next sparser pattern of its M."""
    if sparsity == cell.sparsity:
        return measured.shown(cell)
    m = cell.plan.split(":")[1]
    sparser = [Cell(model, f"uniform {pattern}", own) for pattern, own in UNIFORM.items()
               if pattern.split(":")[1] == m and own > cell.sparsity]
    sparser = [other for other in sparser if other in measured.cells]
    if not sparser or not cell.sparsity < sparsity < sparser[0].sparsity:
        return ""
    share = (sparsity - cell.sparsity) / (sparser[0].sparsity - cell.sparsity)
    low, high = (math.log(measured.perplexity(one)) for one in (cell, sparser[0]))
    return f"~{math.exp(low + share * (high - low)):.2f}"


def rules_table():
    """Every reading of FLOW's rule: the M rule and its inverse side by side."""
    measured = Measured()
    sparsities = (0.5, 0.6, 0.7)
    yield "| reading | " + " | ".join(f"{100 * s:g} %, as published | inverse" for s in sparsities) + " |"
    yield "|---" * (2 * len(sparsities) + 1) + "|"
    for plan in FLOW:
        if "inverse" in plan:
            continue
        pairs = [(plan, inverse_of(plan)) for _ in sparsities]
        yield f"| {plan.removeprefix('FLOW, ')} | " + " | ".join(
            measured.shown(Cell(STORIES, one, sparsity)) for sparsity, pair in zip(sparsities, pairs) for one in pair) + " |"


def inverse_of(plan):
    words = plan.split(", ")
    at = 3 if "7 options" in words else 2
    return ", ".join([*words[:at], "inverse", *words[at:]])


def verdicts_table():
    """In how many of the comparisons that differ in one choice alone each choice is the better one."""
    measured = Measured()
    yield "| choice against the other | better in | of | perplexity, geometric mean of the ratios |"
    yield "|---|---|---|---|"
    for name, one, other in [("M by 1 - ND, not its inverse", "", ", inverse"), ("tau 3, not 5", "", ", tau 5"),
                             ("by block, not by matrix", "block", "matrix"), ("4 options, not 7", "", ", 7 options"),
                             ("min-max, not chance", "", ", chance")]:
        ratios = [measured.perplexity(a) / measured.perplexity(b) for a, b in rule_pairs(measured, one, other)]
        mean = math.exp(statistics.mean(map(math.log, ratios)))
        yield f"| {name} | {sum(ratio < 1 for ratio in ratios)} | {len(ratios)} | {mean:.2f} |"


def rule_pairs(measured, one, other):
    """Cells that differ by `one` in place of `other`, in plan and in what comes of it, at sparsities within 1 %."""
    for sparsity, plan in itertools.product((0.5, 0.6, 0.7), FLOW):
        if other not in plan:
            continue
        a, b = Cell(STORIES, plan.replace(other, one), sparsity), Cell(STORIES, plan, sparsity)
        if not {a, b} <= measured.cells.keys():
            continue
        same = abs(measured.cells[a]["sparsity"] - measured.cells[b]["sparsity"]) < 0.01
        if same and measured.perplexity(a) != measured.perplexity(b):
            yield a, b


def updated_table(model, sparsities, plans):
    """SparseGPT's update on the same plans."""
    measured = Measured()
    yield "| plan | " + " | ".join(f"{100 * s:g} %, Wanda | SparseGPT" for s in sparsities) + " |"
    yield "|---" * (1 + 2 * len(sparsities)) + "|"
    for plan in plans:
        cells = [Cell(model, plan, sparsity, importance) for sparsity in sparsities for importance in ("wanda", "sparsegpt")]
        yield f"| {code(plan)} | " + " | ".join(map(measured.shown, cells)) + " |"


def texts_table():
    """Two calibration texts."""
    measured = Measured()
    yield "| plan | " + " | ".join(f"{100 * s:g} %, stories | English prose" for s in (0.5, 0.6)) + " |"
    yield "|---" * 5 + "|"
    for plan in ["uniform 2:4", "uniform 4:8", *MAIN, "loss, any N of 8"]:
        cells = [Cell(STORIES, plan, sparsity, "wanda", text) for sparsity in (0.5, 0.6) for text in ("own", "prose")]
        yield f"| {code(plan)} | " + " | ".join(map(measured.shown, cells)) + " |"


def seeds_table():
    """Mean of three seeds, and the least and the most."""
    measured = Measured()
    yield "| plan | 50 % | 60 % |"
    yield "|---|---|---|"
    for plan in ["uniform 2:4", "uniform 4:8", *MAIN]:
        spreads = []
        for sparsity in (0.5, 0.6):
            cells = [Cell(STORIES, plan, sparsity, seed=seed) for seed in (0, 1, 2)]
            values = [measured.perplexity(cell) for cell in cells if cell in measured.cells]
            spreads.append(f"{statistics.mean(values):.2f} ({min(values):.2f} .. {max(values):.2f})" if values else "")
        yield f"| {code(plan)} | {spreads[0]} | {spreads[1]} |"


# Plans, colour, name; FLOW's are every reading.
FIGURE = [(["uniform 1:2"], "#bbbbbb", "uniform 1:2"),
          (["uniform 2:4"], "#888888", "uniform 2:4"),
          (["uniform 4:8", "uniform 3:8", "uniform 2:8"], "#444444", "uniform 4:8, 3:8, 2:8"),
          (["uniform 8:16", "uniform 6:16"], "#000000", "uniform 8:16, 6:16"),
          (["OWL"], "#228833", "OWL, any N of 8"),
          ([plan for plan in FLOW if "inverse" not in plan], "#d1495b", "FLOW, every reading"),
          ([plan for plan in FLOW if "inverse" in plan], "#f2a65a", "FLOW, M rule inverted"),
          (["error-diag"], "#aa3377", "error-diag"),
          (["loss"], "#1f5fcf", "loss"),
          (["loss, any N of 8"], "#66aadd", "loss, any N of 8")]


def figure():
    """Perplexity over sparsity of stories15M's plans; a line where one plan goes through several sparsities."""
    measured = Measured()
    plot = Plot(Axis("sparsity of the decoder blocks' matrices, %", [45, 50, 55, 60, 65, 70, 75, 80]),
                Axis("perplexity of stories15M", [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 3000], logarithmic=True))
    for plans, colour, _ in sorted(FIGURE, key=lambda series: -len(series[0])):
        many = len(plans) >= len(FLOW) / 2
        cells = [cell for cell in measured.cells if cell.plan in plans and cell[0] == STORIES and cell[3:] == ("wanda", "own", 0)]
        points = sorted((100 * measured.cells[cell]["sparsity"], measured.perplexity(cell), cell.plan) for cell in cells)
        if not many:
            plot.line([point[:2] for point in points], colour)
        for x, y, plan in points:
            plot.dot(x, y, colour, f"{plan}, {x:.1f} %: perplexity {y:.2f}", 2.5 if many else 4)
    plot.legend([(colour, name) for _, colour, name in FIGURE])
    return plot.svg("Perplexity of stories15M over sparsity, by how patterns are chosen")


FIGURES = {"flow.svg": figure}
TABLES = {"flow_main": lambda: main_table(STORIES, (0.5, 0.6, 0.7), [*MAIN, *ANY_N, FISHER]),
          "flow_smollm2": lambda: main_table(SMOLLM2, (0.5, 0.6), [*MAIN, *SEVEN, "loss, any N of 8"]),
          "flow_rules": rules_table, "flow_verdicts": verdicts_table,
          "flow_updated": lambda: updated_table(STORIES, (0.5, 0.6, 0.7), ["uniform 2:4", "uniform 4:8", "uniform 8:16", *UPDATED]),
          "flow_smollm2_updated": lambda: updated_table(SMOLLM2, (0.5, 0.6), ["uniform 4:8", "loss"]),
          "flow_texts": texts_table, "flow_seeds": seeds_table}

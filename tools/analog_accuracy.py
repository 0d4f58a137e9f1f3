"""The table and the figure of docs/results/analog-accuracy.md: what tools/analog-perplexities measured; tools/results writes
them."""

import json
import pathlib

from plot import Axis, Plot

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "docs/results/perplexity/stories15M.analog.json"
BITS = range(2, 10)
# (model, mapping, halvings, noise), colour, name
SERIES = [
    (("dense", "linear", 0, False), "#1f5fcf", "dense"),
    (("dense", "linear", 1, False), "#66aadd", "dense, half the range"),
    (("dense", "linear", 0, True), "#0b2a66", "dense, noise"),
    (("factored", "sparsemap", 0, False), "#c47c00", "Monarch, sparsemap"),
    (("factored", "sparsemap", 0, True), "#7a3d00", "Monarch, sparsemap, noise"),
    (("factored", "densemap-b", 0, False), "#228833", "Monarch, densemap-b"),
    (("factored", "densemap-b", 0, True), "#0b4418", "Monarch, densemap-b, noise"),
]


def measured():
    """Perplexities by series and bits, and those of float arithmetic by model."""
    rows = json.loads(RESULTS.read_text())
    analog = {(row["model"], row["mapping"], row["halvings"], row["noise"], row["adc_bits"]): row for row in rows
              if row["arithmetic"] == "analog"}
    return analog, {row["model"]: row for row in rows if row["arithmetic"] == "float"}


def shown(value):
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}" if value < 1e6 else f"{value / 1e6:.1f} M"


def table():
    analog, floats = measured()
    yield "| model in its arrays | float | " + " | ".join(f"{bits} bits" for bits in BITS) + " |"
    yield "|---" * (len(BITS) + 2) + "|"
    for series, _, name in SERIES:
        cells = []
        for bits in BITS:
            row = analog[*series, bits]
            clipped = f" ({100 * row['clipped']:.2f} %)" if row["clipped"] >= 0.00005 else ""
            cells.append(shown(row["perplexity"]) + clipped)
        yield f"| {name} | {shown(floats[series[0]]['perplexity'])} | {' | '.join(cells)} |"


def figure():
    analog, floats = measured()
    plot = Plot(Axis("bits of the converters", list(range(1, 11))), Axis("perplexity", [10 ** power for power in range(9)], True))
    for series, colour, name in SERIES:
        for bits in BITS:
            value = analog[*series, bits]["perplexity"]
            plot.dot(bits, value, colour, f"{name}, {bits} bits: {shown(value)}", 5 if series[3] else 3.5)
    plot.legend([(colour, name) for _, colour, name in SERIES], 430)
    return plot.svg("Perplexity of stories15M in analog arrays of one-bit cells")


TABLES = {"analog_perplexity": table}
FIGURES = {"analog-accuracy.svg": figure}

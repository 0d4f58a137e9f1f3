"""The tables and figures of docs/results/flexcim.md, by `sparsecim sweep` and what tools/perplexities measured; tools/results
writes them."""

import functools
import json
import os
import pathlib
import subprocess
import tempfile

from plot import Axis, Plot

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get("SPARSECIM_BUILD") or REPOSITORY / "build/release") / "bin"
SHAPES = ["llama-3-8b", "llama-2-7b", "opt-6.7b", "rwkv-4-7b", "bert-large", "bart-large", "gpt2-medium", "gpt2-small"]


PLANS = REPOSITORY / "docs/results/plans"
PERPLEXITY = REPOSITORY / "docs/results/perplexity"


def program(verb, *arguments):
    """The JSON of a verb."""
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "result.json"
        subprocess.run([PROGRAMS / "sparsecim", verb, *map(str, arguments), "--json", result], check=True,
                       stdout=subprocess.DEVNULL, cwd=REPOSITORY)
        return json.loads(result.read_text())


@functools.cache
def sweep_once(*arguments):
    return program("sweep", *arguments)


def sweep(model, pattern=None, comparison="iso-multiplier", **options):
    """The JSON of `sparsecim sweep`; an option's list is given once for each of its values."""
    arguments = [model, "--comparison", comparison]
    if pattern:
        arguments += ["--pattern", pattern]
    for name, values in options.items():
        for value in values if isinstance(values, list) else [values]:
            arguments += ["--" + name] if value is True else ["--" + name, str(value)]
    return sweep_once(*arguments)


RATIOS = ("cycles", "latency", "energy")


def over_first(machine):
    return " / ".join(f"{machine['over_first'][ratio]:.2f}" for ratio in RATIOS)


def least(result):
    """The smallest of the rivals' ratios, with the rival."""
    return " / ".join(f"{result['least_flattering'][ratio]['ratio']:.2f} {result['least_flattering'][ratio]['machine']}"
                      for ratio in RATIOS)


def runs_as(machine):
    return ", ".join(f"{pattern} {operations}" for pattern, operations in machine["runs_as"].items())


def rounded(value):
    """Three digits, and no powers of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def time_and_energy(machine):
    return f"{rounded(machine['latency_ns'] / 1e6)} ms, {rounded(machine['energy_pj'] / 1e9)} mJ"


RIVALS = ["dense-dcim", "sdp", "fixed-2-4", "vegeta"]


def rivals_head(*first):
    yield "| " + " | ".join([*first, "flexcim", *RIVALS, "least of them"]) + " |"
    yield "|---" * (len(first) + len(RIVALS) + 2) + "|"


def rivals_row(result, *first):
    machines = result["machines"]
    cells = [*first, time_and_energy(machines[0]), *map(over_first, machines[1:]), least(result)]
    return "| " + " | ".join(cells) + " |"


def all_machines(comparison, shapes, patterns):
    yield from rivals_head("shape", "pattern")
    for shape in shapes:
        for pattern in patterns:
            yield rivals_row(sweep(shape, pattern, comparison), shape, pattern)


def iso_multiplier_table():
    """Prefill of 512 tokens on all machines at equal multipliers."""
    return all_machines("iso-multiplier", SHAPES, ["4:8", "2:4", "2:8", "1:8"])


def iso_area_table():
    """The same at equal macro area."""
    return all_machines("iso-area", SHAPES, ["4:8", "2:4", "2:8"])


def sizes_table():
    """What the machines of the comparisons are."""
    yield "| machine | clock, ns | one macro, k um2 (low .. high) | over dense-dcim | macros at equal area |"
    yield "|---|---|---|---|---|"
    equal = sweep("gpt2-small", "4:8")["machines"]
    area = {machine["machine"]: machine["macros"] for machine in sweep("gpt2-small", "4:8", "iso-area")["machines"]}
    dense = next(machine for machine in equal if machine["machine"] == "dense-dcim")["macro_area_um2"]["nominal"]
    for machine in equal:
        um2 = machine["macro_area_um2"]
        yield (f"| {machine['machine']} | {machine['clock_ns']:.2f} | {um2['nominal'] / 1e3:.0f} ({um2['low'] / 1e3:.0f} .. "
               f"{um2['high'] / 1e3:.0f}) | {um2['nominal'] / dense:.2f} | {area[machine['machine']]} |")


def weights_table():
    """Where the weights wait, prefill and decode, one sequence and many."""
    yield from rivals_head("shape", "work", "weights", "pattern")
    works = [("prefill of 512", {}), ("decode, 1 sequence", {"phase": "decode"}),
             ("decode, 16 sequences", {"phase": "decode", "batch": 16})]
    for shape in ["llama-3-8b", "gpt2-small"]:
        for name, work in works:
            for weights in ["on_chip", "resident", "dram"]:
                for pattern in ["4:8", "2:8"]:
                    yield rivals_row(sweep(shape, pattern, set=f"system.weights={weights}", **work), shape, name, weights,
                                     pattern)


def shapes_of(plan):
    return str((PLANS / f"{plan.name.split('.')[0]}.shapes.yaml").relative_to(REPOSITORY))


def plans():
    """(name, sweep of its prefill, sweep of its decode) of the plans that were made for a real model."""
    for plan in sorted(PLANS.glob("*.plan.json")):
        yield (plan.name.removesuffix(".plan.json"), sweep(shapes_of(plan), plan=plan),
               sweep(shapes_of(plan), plan=plan, phase="decode"))


def plans_table():
    """A plan that was made for a real model: a pattern for every matrix."""
    yield from rivals_head("plan", "work")
    for name, prefill, decode in plans():
        yield rivals_row(prefill, name, "prefill of 512")
        yield rivals_row(decode, name, "decode after 512")


def varied_table(patterns, variations):
    """One machine varied, beside the dense one. `variations`: {how a row is called, by the values: what varies}, a comparison or
    settings."""
    yield ("| pattern | varied | ran as | one macro, k um2 | clock, ns | k cycles | ms | mJ "
           "| dense-dcim over it: cycles / time / energy |")
    yield "|---|---|---|---|---|---|---|---|---|"
    for pattern in patterns:
        for label, variation in variations.items():
            options = ({"comparison": variation} if isinstance(variation, str) else
                       {"arch": ["flexcim", "dense-dcim"], "vary": variation})
            *machines, dense = sweep("llama-3-8b", pattern, **options)["machines"]
            for machine in machines:
                over = " / ".join(f"{dense[key] / machine[key]:.2f}" for key in ("cycles", "latency_ns", "energy_pj"))
                yield (f"| {pattern} | {label.format(*machine['varied'].values())} | {runs_as(machine)} "
                       f"| {machine['macro_area_um2']['nominal'] / 1e3:.0f} | {machine['clock_ns']:.2f} "
                       f"| {machine['cycles'] / 1e3:.0f} | {machine['latency_ns'] / 1e6:.1f} "
                       f"| {machine['energy_pj'] / 1e9:.0f} | {over} |")


def partitions_table():
    return varied_table(["1:2", "2:4", "4:8", "2:8", "4:16"], {"P = {}": "partitions"})


def pair_selection_table():
    return varied_table(["4:8", "2:8"], {
        "{}": ["pair_select=bitserial_per_cell,per_column"],
        "column_pipelined, k = {}": ["pair_select=column_pipelined", "columns_per_cycle=1,2,4,8,16,32"],
        "shared_pairs, G = {}": ["pair_select=shared_pairs", "columns_per_group=32,16,8,4"],
        "bitserial_per_group, G = {}": ["pair_select=bitserial_per_group", "columns_per_group=32,16,8,4"],
        "bitserial_per_group, G = {}, shared accumulators": ["pair_select=bitserial_per_group", "columns_per_group=32,8",
                                                         "accumulators=shared"]})


def bandwidth_table():
    return varied_table(["4:8", "2:8", "1:8"], {"{}": "buffer-bandwidth"})


# What a macro and its buffers are built of; memories and units of the system are the same on all machines or follow from
# what they store.
SYSTEM = ["weight SRAM", "activation SRAM", "vector unit", "link adders", "key buffer", "DRAM interface"]
VARIANTS = [("dense-dcim", []), ("bitserial_per_cell", []), ("column_pipelined, k = 1", ["pair_select=column_pipelined"]),
            ("shared_pairs, G = 32", ["pair_select=shared_pairs"]),
            ("bitserial_per_group, G = 32, shared accumulators", ["pair_select=bitserial_per_group", "accumulators=shared"])]


@functools.cache
def macro_areas():
    """{variant: {component: um2 of one macro}}"""
    areas = {}
    for name, settings in VARIANTS:
        arch = name if name == "dense-dcim" else "flexcim"
        sets = [word for setting in settings for word in ("--set", setting)]
        result = program("simulate", "gpt2-small", "--pattern", "4:8", "--arch", arch, *sets)
        areas[name] = {part: um2["nominal"] / result["macros"] for part, um2 in result["area_by_component_um2"].items()
                       if part not in SYSTEM}
        assert abs(sum(areas[name].values()) / result["macro_area_um2"]["nominal"] - 1) < 1e-6, "a part of the system is new"
    return areas


def area_table():
    """Where a macro's area goes, in k um2, and what that is of the dense macro."""
    areas = macro_areas()
    parts = list(dict.fromkeys(part for variant in areas.values() for part in variant))
    dense = sum(areas["dense-dcim"].values())
    yield "| component | " + " | ".join(areas) + " |"
    yield "|---" * (len(areas) + 1) + "|"

    def row(name, values):
        extra = [f"{value / 1e3:.1f}" + (f" ({100 * (value - values[0]) / dense:+.1f} %)" if abs(value - values[0]) > 50 else "")
                 for value in values]
        return f"| {name} | " + " | ".join(extra) + " |"
    for part in parts:
        yield row(part, [variant.get(part, 0) for variant in areas.values()])
    yield row("macro with its buffers", [sum(variant.values()) for variant in areas.values()])


def span(values):
    return f"{min(values):.2f} .. {max(values):.2f}"


def over(results, rival, ratio):
    return span([machine["over_first"][ratio] for result in results for machine in result["machines"]
                 if machine["machine"] == rival])


def paper_table():
    """What accounts of the paper say, and the same of these models."""
    half = {pattern: [sweep(shape, pattern) for shape in SHAPES] for pattern in ("4:8", "2:4")}
    flow = [result for _, prefill, decode in plans() for result in (prefill, decode)]
    machines = {machine["machine"]: machine for machine in half["4:8"][0]["machines"]}
    areas = macro_areas()
    dense = sum(areas["dense-dcim"].values())
    share = {part: (um2 - areas["dense-dcim"].get(part, 0)) / dense for part, um2 in areas["column_pipelined, k = 1"].items()}
    new = [share["distribution units"], share["position bits"], share["merging"]]
    one_pair = sweep("llama-3-8b", "4:8", arch="flexcim", set="patterns=[dense, 1:2]")["machines"][0]["clock_ns"]
    smallest = sweep("llama-3-8b", "4:8", arch="flexcim", set=["pair_select=bitserial_per_group", "accumulators=shared"])
    yield "| the paper | here: equal clocks | here: each at its own clock | what |"
    yield "|---|---|---|---|"
    yield (f"| 1.42 .. 1.63x less time than dense | {over(half['4:8'], 'dense-dcim', 'cycles')} "
           f"| {over(half['4:8'], 'dense-dcim', 'latency')} | 4:8 everywhere, shipped shapes, prefill |")
    yield (f"| | {over(flow, 'dense-dcim', 'cycles')} | {over(flow, 'dense-dcim', 'latency')} "
           "| FLOW plans of SmolLM2 at 0.5 to 0.7, prefill and decode |")
    yield (f"| up to 1.75x less time than VEGETA | {over(half['4:8'], 'vegeta', 'cycles')} "
           f"| {over(half['4:8'], 'vegeta', 'latency')} | 4:8 everywhere: dense on VEGETA |")
    yield (f"| | {over(half['2:4'], 'vegeta', 'cycles')} | {over(half['2:4'], 'vegeta', 'latency')} "
           "| 2:4 everywhere: native on both |")
    yield f"| | {over(flow, 'vegeta', 'cycles')} | {over(flow, 'vegeta', 'latency')} | the same FLOW plans |"
    yield (f"| up to 1.5x less energy than VEGETA | {over(half['4:8'], 'vegeta', 'energy')} | the same | 4:8 everywhere |")
    yield f"| | {over(flow, 'vegeta', 'energy')} | the same | the same FLOW plans |"
    yield (f"| about 6 % more area than dense | {100 * sum(new):.1f} % | | what the paper names: distribution units of a row "
           f"({100 * new[0]:.1f}), position bits ({100 * new[1]:.1f}), merging ({100 * new[2]:.1f}) |")
    for name in list(areas)[1:]:
        yield f"| | {100 * (sum(areas[name].values()) / dense - 1):.0f} % | | all of it, {name} |"
    yield (f"| 1.21x SDP's clock | | {machines['sdp']['clock_ns'] / one_pair:.2f} | dense and 1:2 only, the same path but for the "
           "trees |")
    yield f"| | | {machines['sdp']['clock_ns'] / machines['flexcim']['clock_ns']:.2f} | bitserial_per_cell, M:1 multiplexers |"
    yield (f"| | | {machines['sdp']['clock_ns'] / smallest['machines'][0]['clock_ns']:.2f} | the same with shared accumulators, behind "
           "a register |")


def measured(model):
    return json.loads((PERPLEXITY / f"{model}.json").read_text())


def cost(model, row):
    """The machine that a row of tools/perplexities ran on, and the dense one, on the layers that were pruned: 4 macros each, since 64
    would hold most of so small a model at once."""
    patterns = {"plan": PERPLEXITY / row["plan"]} if "plan" in row else {"pattern": row["mask"]}
    return sweep(shapes_of(PLANS / model), arch=["flexcim", "dense-dcim"], vary=row["machine"], set="system.macros=4", **{"no-head": True},
                 **patterns)["machines"]


def sub_macros(row):
    return int(row["machine"][0].removeprefix("sub_macros="))


def machine_of(row):
    """"P = 4, any N"."""
    words = {"any_n=true": "any N", "pair_select=shared_pairs": "pairs shared by"}
    more = [words.get(setting, setting.removeprefix("columns_per_group=")) for setting in row["machine"][2:]]
    return f"P = {sub_macros(row)}" + (", " + " ".join(more) if more else "")


def perplexity_table(model):
    full, *rows = measured(model)
    yield ("| mask | weights kept | machine | one macro, k um2 | runs as | perplexity | dense-dcim over it: cycles / time / energy "
           "| tiles checked bit by bit |")
    yield "|---|---|---|---|---|---|---|---|"
    yield f"| dense, in float32 | 100 % | | | | {full['perplexity']:.2f} | | |"
    for row in rows:
        ours, dense = cost(model, row)
        ratios = " / ".join(f"{dense[key] / ours[key]:.2f}" for key in ("cycles", "latency_ns", "energy_pj"))
        patterns = ", ".join(f"{pattern} {matrices}" for pattern, matrices in row["patterns"].items())
        yield (f"| {row['mask']} | {100 * kept(model, row):.0f} % | {machine_of(row)} "
               f"| {ours['macro_area_um2']['nominal'] / 1e3:.0f} | {patterns} | {row['perplexity']:.2f} | {ratios} "
               f"| {row['checked_tiles']:,} of {row['tiles']:,} |")


def kept(model, row):
    """Of the layers' weights."""
    if "plan" not in row:
        n, m = (1, 1) if row["mask"] == "dense" else map(int, row["mask"].split(":"))
        return n / m
    def weights(matrix, pattern):
        n, m = (1, 1) if pattern == "dense" else map(int, pattern.split(":"))
        return matrix["shape"][0] * matrix["shape"][1] * n / m
    matrices = json.loads((PERPLEXITY / row["plan"]).read_text())["matrices"]
    return (sum(weights(matrix, matrix["pattern"]) for matrix in matrices)
            / sum(weights(matrix, "dense") for matrix in matrices))


COLOURS = {1: "#8d99ae", 2: "#e09f3e", 4: "#2a6f97", 8: "#d1495b"}


HIGHEST = 200  # perplexity in the figure: what lies above predicts hardly anything


def perplexity_figure():
    """What a mask of stories15M costs in perplexity over what its machine gains in time."""
    points = []
    for row in measured("stories15M")[1:]:
        ours, dense = cost("stories15M", row)
        if row["perplexity"] <= HIGHEST:
            points.append((dense["latency_ns"] / ours["latency_ns"], row["perplexity"], row))
    most = max(point[0] for point in points)
    plot = Plot(Axis("time of the dense machine over that of FlexCiM with P sub-macros", [1 + 0.5 * i for i in range(int(2 * most))]),
                Axis("perplexity of stories15M, in the macros' arithmetic", [5, 6, 8, 10, 15, 20, 30, 50, 80, 120, HIGHEST],
                     logarithmic=True))
    named = set()
    for x, y, row in points:
        name = row["mask"] + (", shared by " + row["machine"][-1].split("=")[1] if len(row["machine"]) == 4 else "")
        plot.dot(x, y, COLOURS[sub_macros(row)], f"{name}, P = {sub_macros(row)}: perplexity {y:.2f}, {x:.2f} times as fast", 5)
        side, anchor = (-8, "end") if sub_macros(row) <= 2 else (8, "start")
        if y not in named:
            plot.text(plot.place(x, 0) + side, plot.place(y, 1) + 4, name, anchor)
        named.add(y)
    plot.legend([(colour, f"P = {count}") for count, colour in COLOURS.items()])
    return plot.svg("Perplexity of stories15M over the speed of the machine that runs it")


def rivals_figure():
    """4:8 on every shape, over the dense machine and over VEGETA, at equal clocks and at each machine's own."""
    series = [("dense-dcim", "cycles", "#8ecae6", "dense, equal clocks"), ("dense-dcim", "latency", "#2a6f97", "dense, own clocks"),
              ("vegeta", "cycles", "#f2b5a7", "VEGETA, equal clocks"), ("vegeta", "latency", "#d1495b", "VEGETA, own clocks")]
    plot = Plot(Axis("", list(range(len(SHAPES) + 1))), Axis("rival's time over FlexCiM's, 4:8, prefill of 512",
                                                             [0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4]))
    plot.marks = [mark for mark in plot.marks if not mark.startswith("<text") or "anchor=\"middle\">" not in mark]
    for low, high, colour, words in [(1.42, 1.63, "#2a6f97", "paper over dense"), (1.745, 1.755, "#d1495b", "paper over VEGETA, at most")]:
        top, bottom = plot.place(high, 1), plot.place(low, 1)
        plot.marks.append(f'<rect x="{plot.LEFT}" y="{top:.1f}" width="{plot.WIDTH - plot.LEFT - plot.RIGHT}" '
                          f'height="{bottom - top:.1f}" fill="{colour}" fill-opacity="0.12"/>')
        plot.text(plot.LEFT + 6, top + 13 if high - low > 0.1 else top - 4, words)
    for index, shape in enumerate(SHAPES):
        rivals = {machine["machine"]: machine for machine in sweep(shape, "4:8")["machines"]}
        for offset, (rival, ratio, colour, words) in enumerate(series):
            value = rivals[rival]["over_first"][ratio]
            plot.dot(index + 0.26 + 0.16 * offset, value, colour, f"{shape}, {words}: {value:.2f}", 5)
        plot.text(plot.place(index + 0.5, 0), plot.HEIGHT - plot.BOTTOM + 18, shape, "middle", ' font-size="11"')
    plot.legend([(colour, words) for _, _, colour, words in series], x=plot.LEFT + 330)
    return plot.svg("FlexCiM beside a dense macro and VEGETA at 4:8")


def any_n_table():
    """Packing without gaps, for N that are powers of two and others; M of 8 and 16."""
    yield "| any_n | P | pattern | ran as | one macro, k um2 | clock, ns | k cycles | mJ |"
    yield "|---|---|---|---|---|---|---|---|"
    for any_n, sub_macros in [("false", 4), ("true", 4), ("false", 8), ("true", 8)]:
        for pattern in ["3:8", "4:8", "5:8"] + (["6:16", "8:16"] if sub_macros == 8 else []):
            machine = sweep("llama-3-8b", pattern, arch="flexcim",
                            set=[f"any_n={any_n}", f"sub_macros={sub_macros}", "patterns=all"])["machines"][0]
            yield (f"| {any_n} | {sub_macros} | {pattern} | {runs_as(machine)} "
                   f"| {machine['macro_area_um2']['nominal'] / 1e3:.0f} | {machine['clock_ns']:.2f} "
                   f"| {machine['cycles'] / 1e3:.0f} | {machine['energy_pj'] / 1e9:.0f} |")


TABLES = {"paper": paper_table, "iso_multiplier": iso_multiplier_table, "iso_area": iso_area_table, "sizes": sizes_table,
          "area": area_table, "weights": weights_table, "plans": plans_table, "partitions": partitions_table,
          "pair_selection": pair_selection_table, "bandwidth": bandwidth_table, "any_n": any_n_table,
          "stories15M": functools.partial(perplexity_table, "stories15M")}
FIGURES = {"flexcim-rivals.svg": rivals_figure, "flexcim-perplexity.svg": perplexity_figure}

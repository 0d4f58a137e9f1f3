"""The macro's area by synthesis beside the model's own: the tables of docs/results/rtl-area.md, for tools/results."""

import json
import pathlib
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SYNTHESIS = REPOSITORY / "docs/results/rtl-area.json"
BESIDE = {"activation buffers", "partial sums", "vector unit", "weight SRAM", "activation SRAM", "link adders"}
CELLS = ["cells", "position bits", "weight double buffer"]
LOGIC = ["multipliers", "adder trees", "accumulators", "partial-sum entries", "merging", "activation lines",
         "activation registers", "line routing", "pair selection", "distribution units", "serialisers", "operand latches",
         "control"]
NAND2_UM2 = 0.614  # src/hardware/components/gates.hpp, 28 nm


def settings(macro):
    """--set of a macro's parameters."""
    for key, value in {**macro["parameters"], "system.macros": 1}.items():
        yield from ("--set", f"{key}={'all' if key == 'patterns' else value}")


def areas(program, macro, *options):
    """um2 by component of one macro, its SRAM buffers left out."""
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "result.json"
        subprocess.run([program, "simulate", "gpt2-small", "--tokens", "1", "--no-head", "--arch", macro["machine"],
                        *settings(macro), "--json", result, *options], check=True, stdout=subprocess.DEVNULL)
        components = json.loads(result.read_text())["area_by_component_um2"]
    return {name: band["nominal"] for name, band in components.items() if name not in BESIDE}


class Compared:
    """All macros of the synthesis, in um2 at 28 nm: by netlist and by the model."""

    def __init__(self, program):
        self.synthesis = json.loads(SYNTHESIS.read_text())
        self.names = [macro["name"] for macro in self.synthesis["macros"]]
        self.netlist = [areas(program, macro, "--synthesis", SYNTHESIS) for macro in self.synthesis["macros"]]
        self.model = [areas(program, macro) for macro in self.synthesis["macros"]]

    def overheads(self, columns):
        """Of each macro over the dense one, which is the first."""
        return [100 * (sum(column.values()) / sum(columns[0].values()) - 1) for column in columns]


def overhead_table(compared):
    yield "| macro | gates, thousands | netlist, um2 | over dense | model, um2 | over dense | model / netlist |"
    yield "|---|---|---|---|---|---|---|"
    overheads = zip(compared.overheads(compared.netlist), compared.overheads(compared.model))
    for name, macro, netlist, model, (rtl, own) in zip(compared.names, compared.synthesis["macros"], compared.netlist,
                                                       compared.model, overheads):
        gates = sum(component["gate_equivalents"] for component in macro["components"]) / 1e3
        yield (f"| {name} | {gates:.0f} | {sum(netlist.values()):,.0f} | {rtl:+.1f} % | {sum(model.values()):,.0f} | {own:+.1f} % "
               f"| {sum(model.values()) / sum(netlist.values()):.2f} |")


def component_table(compared):
    """One table for each P, and one of shared accumulators: "netlist / model" in thousand um2."""
    def is_shared(i):
        return compared.synthesis["macros"][i]["parameters"].get("accumulators") == "shared"
    numbers = range(1, len(compared.names))
    choices = [[i for i in numbers if compared.names[i].startswith(f"P = {p},") and not is_shared(i)] for p in (1, 2, 4, 8)]
    for chosen in [[0] + choice for choice in choices + [[i for i in numbers if is_shared(i)]]]:
        yield "| " + " | ".join(["component"] + [compared.names[i] for i in chosen]) + " |"
        yield "|---" * (len(chosen) + 1) + "|"
        for component in CELLS + LOGIC:
            pairs = [(compared.netlist[i].get(component, 0), compared.model[i].get(component, 0)) for i in chosen]
            if any(sum(pair) for pair in pairs):
                cells = [f"{rtl / 1e3:.1f} / {own / 1e3:.1f}" if rtl + own else "" for rtl, own in pairs]
                yield "| " + " | ".join([component] + cells) + " |"
        yield ""


SUMS = ("merging", "accumulators", "partial-sum entries")
SCHEMES = {"bitserial_per_cell": "bitserial_per_cell", "shared_pairs": "shared_pairs, k = 1, G = 32",
           "bitserial_per_group": "bitserial_per_group, G = 32"}


def arrangement_rows(compared, sub_macros, accumulators):
    """How sums are merged, and the merging's gates: what was synthesised in the macros, then what is put together from pieces."""
    label = "shared" if accumulators == "shared" else "in every sub-macro"
    yield f"{label}, as built", None
    for choice in compared.synthesis["arrangements"]:
        if (choice["sub_macros"], choice["accumulators"]) == (sub_macros, accumulators):
            yield f"{label}, {choice['name'].removeprefix(f'P = {sub_macros}, ')}", choice["components"][0]["gate_equivalents"]


def arrangement_table(compared):
    """What accumulators, entries and merging cost in each arrangement, and the macro with each pair selection."""
    yield "| P | accumulators | gates, with entries and merging | " + " | ".join(SCHEMES) + " |"
    yield "|---" * (3 + len(SCHEMES)) + "|"
    dense = sum(compared.netlist[0].values())
    for sub_macros in (2, 4, 8):
        for accumulators, ending in (("per_sub_macro", ""), ("shared", ", shared accumulators")):
            for label, merging in arrangement_rows(compared, sub_macros, accumulators):
                over, sums = [], 0
                for scheme in SCHEMES.values():
                    i = compared.names.index(f"P = {sub_macros}, {scheme}{ending}")
                    gates = {part["component"]: part["gate_equivalents"] for part in compared.synthesis["macros"][i]["components"]}
                    more = 0 if merging is None else merging - gates["merging"]
                    sums = sum(gates[part] for part in SUMS) + more
                    over.append(100 * ((sum(compared.netlist[i].values()) + more * NAND2_UM2) / dense - 1))
                yield f"| {sub_macros} | {label} | {sums:,.0f} | " + " | ".join(f"{percent:+.1f} %" for percent in over) + " |"

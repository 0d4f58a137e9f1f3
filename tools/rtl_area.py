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
    """One table for each P: "netlist / model" in thousand um2."""
    for sub_macros in (1, 2, 4, 8):
        chosen = [0] + [i for i, name in enumerate(compared.names) if name.startswith(f"P = {sub_macros},")]
        yield "| " + " | ".join(["component"] + [compared.names[i] for i in chosen]) + " |"
        yield "|---" * (len(chosen) + 1) + "|"
        for component in CELLS + LOGIC:
            pairs = [(compared.netlist[i].get(component, 0), compared.model[i].get(component, 0)) for i in chosen]
            if any(sum(pair) for pair in pairs):
                cells = [f"{rtl / 1e3:.1f} / {own / 1e3:.1f}" if rtl + own else "" for rtl, own in pairs]
                yield "| " + " | ".join([component] + cells) + " |"
        yield ""


def gates_of(macro, arrangement, one_group=False):
    """Gates by component with those of the arrangement in their place; `one_group`: the line multiplexers of one column
    serve all."""
    gates = {component["component"]: component["gate_equivalents"] for component in macro["components"]}
    if one_group:
        columns = macro["parameters"]["macro.columns"]
        gates["pair selection"] -= sum(piece["gate_equivalents"] * piece["instances"] * (1 - 1 / columns)
                                       for piece in macro["pieces"] if piece["module"] == "flexcim_line_mux")
    gates.update({component["component"]: component["gate_equivalents"] for component in arrangement["components"]})
    return gates


def arrangement_table(compared):
    """What merging, accumulators and pair selection cost when they are arranged otherwise."""
    yield "| P | merging and accumulators | their gates, with entries | bitserial_per_cell | shared_pairs | shared pairs, by planes |"
    yield "|---|---|---|---|---|---|"
    position = {name: i for i, name in enumerate(compared.names)}
    dense = sum(compared.netlist[0].values())
    for sub_macros in (2, 4):
        planes, shared = (position[f"P = {sub_macros}, {name}"] for name in ("bitserial_per_cell", "shared_pairs, k = 1, G = 32"))
        choices = [{"name": "as built", "components": []}]
        choices += [choice for choice in compared.synthesis["arrangements"] if choice["sub_macros"] == sub_macros]
        for choice in choices:
            over = []
            for logic, stored, one_group in ((planes, planes, False), (shared, shared, False), (planes, shared, True)):
                gates = gates_of(compared.synthesis["macros"][logic], choice, one_group)
                cells = sum(compared.netlist[stored].get(part, 0) for part in CELLS)
                over.append(100 * ((sum(gates.values()) * NAND2_UM2 + cells) / dense - 1))
            sums = sum(gates[part] for part in ("merging", "accumulators", "partial-sum entries"))
            label = choice["name"].removeprefix(f"P = {sub_macros}, ")
            yield f"| {sub_macros} | {label} | {sums:,.0f} | " + " | ".join(f"{percent:+.1f} %" for percent in over) + " |"

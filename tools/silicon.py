"""Published chips beside the component costs: the table and the figure of docs/results/validation.md, for tools/results."""

import csv
import json
import pathlib
import subprocess
import tempfile

from plot import Plot, decades

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
FIGURES = {"area_mm2": "area", "clock_ns": "clock", "tops_per_watt": "energy"}


def modelled(programs):
    """What validate_silicon says of every chip."""
    chips = REPOSITORY / "tests/validation/silicon.yaml"
    return json.loads(subprocess.run([programs / "validate_silicon", chips], check=True, capture_output=True).stdout)


def cell(figure):
    """"0.921 / 0.941 **-2.1 %**": modelled, published, error; bold where a test holds it."""
    if "modelled" not in figure:
        return f"– / {figure['published']:.3g}"
    error = f"{100 * figure['error']:+.1f} %"
    return f"{figure['modelled']:.3g} / {figure['published']:.3g} " + (f"**{error}**" if figure["asserted"] else error)


def table(chips):
    yield "| chip | nm | area, mm2 | clock, ns | TOPS/W | why it differs |"
    yield "|---|---|---|---|---|---|"
    for chip in chips:
        unit = " (1-bit operations)" if chip["one_bit_operations"] else ""
        yield (f"| {chip['name']} | {chip['node_nm']:.0f} | {cell(chip['area_mm2'])} | {cell(chip['clock_ns'])} "
               f"| {cell(chip['tops_per_watt'])}{unit} | {chip['reason']} |")
    means = []
    for key, name in FIGURES.items():
        errors = [abs(chip[key]["error"]) for chip in chips if chip[key]["asserted"]]
        means.append(f"{name} {100 * sum(errors) / len(errors):.1f} %")
    yield ""
    yield f"Mean magnitude of the errors in bold: {', '.join(means)}. Errors of TOPS/W are those of the energy."
    yield ""
    for chip in chips:
        yield f"- {chip['name']}: {chip['source']}."


# Components inside a macro that the survey's macros have too: no SRAM buffers, no system.
MACRO = ["cells", "weight double buffer", "position bits", "multipliers", "adder trees", "accumulators",
         "partial-sum entries", "merging", "control", "activation lines", "line routing", "pair selection", "clock"]
ONE_MATRIX = """vocabulary: 1
decoder:
  layer_name: layer.{}
  layers: 1
  matrices: {matrix: [4096, 4096]}
  attention: {kind: none}
"""


def macro_point(program, machine, pattern):
    """(TOPS/mm2, TOPS/W) of a machine's macros, in 1-bit operations by weights that are not zero."""
    with tempfile.TemporaryDirectory() as folder:
        shape, result = pathlib.Path(folder) / "matrix.yaml", pathlib.Path(folder) / "result.json"
        shape.write_text(ONE_MATRIX)
        subprocess.run([program, "simulate", shape, "--pattern", pattern, "--arch", machine, "--json", result],
                       check=True, stdout=subprocess.DEVNULL)
        run = json.loads(result.read_text())
    operations = 64 * run["tops_per_watt"] * run["energy_pj"]
    energy_pj = sum(run["energy_by_component_pj"].get(name, {"nominal": 0})["nominal"] for name in MACRO)
    area_mm2 = sum(run["area_by_component_um2"].get(name, {"nominal": 0})["nominal"] for name in MACRO) / 1e6
    return operations / run["latency_ns"] / 1e3 / area_mm2, operations / energy_pj


def survey_points(path):
    """(TOPS/mm2, TOPS/W, is digital, label) of the rows that give both."""
    for row in csv.DictReader(path.open()):
        try:
            yield (float(row["TOPS/mm2"]), float(row["TOPS/W"]), row["Compute Model"].strip() == "DIMC",
                   f"{row['Authors']} {row['Journal/Conference']} {row['Year']}, {row['Tech (nm)']} nm, {row['Supply V(V)']} V")
        except ValueError:
            continue


def scatter(survey, program):
    published = list(survey_points(survey))
    ours = [("dense-dcim, dense", *macro_point(program, "dense-dcim", "dense")),
            ("flexcim, 4:8", *macro_point(program, "flexcim", "4:8"))]
    points = published + [point[1:] for point in ours]
    plot = Plot(*(decades([point[axis] for point in points], f"{name}, 1-bit operations")
                  for axis, name in enumerate(["TOPS/mm2", "TOPS/W"])))
    for x, y, digital, label in published:
        plot.dot(x, y, "#2a6f97" if digital else "#bbbbbb", label)
    for name, x, y in ours:
        plot.dot(x, y, "#d1495b", f"{name}: {y:.0f} TOPS/W, {x:.1f} TOPS/mm2", 6)
        plot.text(plot.place(x, 0) + 9, plot.place(y, 1) + 4, name)
    plot.legend([("#2a6f97", "published, digital"), ("#bbbbbb", "published, analog"), ("#d1495b", "our macros")])
    return plot.svg("Published compute-in-memory macros and ours: efficiency over density")

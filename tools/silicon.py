"""Published chips beside the component costs: the table and the figure of docs/results/validation.md, for tools/results."""

import csv
import html
import json
import math
import pathlib
import subprocess
import tempfile

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


class Plot:
    """Points on two logarithmic axes."""

    WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 480, 64, 52, 16, 16

    def __init__(self, points):
        self.low = [10 ** math.floor(math.log10(min(p[axis] for p in points))) for axis in (0, 1)]
        self.high = [10 ** math.ceil(math.log10(max(p[axis] for p in points))) for axis in (0, 1)]
        self.marks = []

    def place(self, value, axis):
        share = math.log10(value / self.low[axis]) / math.log10(self.high[axis] / self.low[axis])
        if axis == 0:
            return self.LEFT + share * (self.WIDTH - self.LEFT - self.RIGHT)
        return self.HEIGHT - self.BOTTOM - share * (self.HEIGHT - self.BOTTOM - self.TOP)

    def dot(self, x, y, colour, tip, radius=3.5):
        self.marks.append(f'<circle cx="{self.place(x, 0):.1f}" cy="{self.place(y, 1):.1f}" r="{radius}" fill="{colour}" '
                          f'fill-opacity="0.8"><title>{html.escape(tip)}</title></circle>')

    def text(self, x, y, words, anchor="start", more=""):
        self.marks.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>')

    def axes(self, labels):
        for axis in (0, 1):
            value = self.low[axis]
            while value <= self.high[axis] * 1.001:
                at = self.place(value, axis)
                ends = (at, self.TOP, at, self.HEIGHT - self.BOTTOM) if axis == 0 else (self.LEFT, at, self.WIDTH - self.RIGHT, at)
                self.marks.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>' % ends)
                if axis == 0:
                    self.text(at, self.HEIGHT - self.BOTTOM + 18, f"{value:g}", "middle")
                else:
                    self.text(self.LEFT - 6, at + 4, f"{value:g}", "end")
                value *= 10
        self.text((self.LEFT + self.WIDTH) / 2, self.HEIGHT - 10, labels[0], "middle")
        middle = (self.HEIGHT - self.BOTTOM) / 2
        self.text(16, middle, labels[1], "middle", f' transform="rotate(-90 16 {middle:.0f})"')

    def svg(self, title):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.WIDTH} {self.HEIGHT}" role="img" '
                f'font-family="sans-serif" font-size="12"><title>{html.escape(title)}</title>'
                f'<rect width="{self.WIDTH}" height="{self.HEIGHT}" fill="white"/>\n' + "\n".join(self.marks) + "\n</svg>\n")


def scatter(survey, program):
    published = list(survey_points(survey))
    ours = [("dense-dcim, dense", *macro_point(program, "dense-dcim", "dense")),
            ("flexcim, 4:8", *macro_point(program, "flexcim", "4:8"))]
    plot = Plot(published + [point[1:] for point in ours])
    plot.axes(["TOPS/mm2, 1-bit operations", "TOPS/W, 1-bit operations"])
    for x, y, digital, label in published:
        plot.dot(x, y, "#2a6f97" if digital else "#bbbbbb", label)
    for name, x, y in ours:
        plot.dot(x, y, "#d1495b", f"{name}: {y:.0f} TOPS/W, {x:.1f} TOPS/mm2", 6)
        plot.text(plot.place(x, 0) + 9, plot.place(y, 1) + 4, name)
    for row, (colour, words) in enumerate([("#2a6f97", "published, digital"), ("#bbbbbb", "published, analog"),
                                           ("#d1495b", "our macros")]):
        at = plot.TOP + 14 + 16 * row
        plot.marks.append(f'<circle cx="{plot.LEFT + 12}" cy="{at - 4}" r="4" fill="{colour}"/>')
        plot.text(plot.LEFT + 22, at, words)
    return plot.svg("Published compute-in-memory macros and ours: efficiency over density")

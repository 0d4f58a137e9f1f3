"""tools/synthesise puts a macro together from pieces: small macros that Yosys maps as a whole have as many gates."""

import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
loader = importlib.machinery.SourceFileLoader("synthesise", str(REPOSITORY / "tools/synthesise"))
synthesise = importlib.util.module_from_spec(importlib.util.spec_from_loader("synthesise", loader))
loader.exec_module(synthesise)

ROWS, COLUMNS, PORT_BITS = 8, 2, 64


def whole_macro(sub_macros, pair_select, per_cycle, per_group, accumulators):
    """Gate equivalents of the hierarchy, each module mapped for itself."""
    parameters = {"Rows": ROWS, "Columns": COLUMNS, "SubMacros": sub_macros, "MaxM": 2 * sub_macros,
                  "PairSelect": synthesise.PAIR_SELECT.index(pair_select), "ColumnsPerCycle": per_cycle,
                  "ColumnsPerGroup": per_group, "SharedAccumulators": int(accumulators == "shared"), "PortBits": PORT_BITS}
    commands = [command for command in synthesise.script("flexcim_macro", parameters, ["flexcim_cells"]) if command != "flatten"]
    with tempfile.TemporaryDirectory() as folder:
        commands_file = pathlib.Path(folder) / "run.ys"
        commands_file.write_text("\n".join(commands) + "\n")
        report = subprocess.run(["yosys", "-Q", commands_file], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"Chip area for top module '.*': ([\d.]+)", report)[1]) / synthesise.nand2_area()


class Synthesise(unittest.TestCase):
    def test_adds_up_to_the_whole_macro(self):
        synthesise.PORT_BITS = PORT_BITS
        for variant in [(2, "bitserial_per_cell", 1, 2, "per_sub_macro"), (2, "shared_pairs", 1, 1, "per_sub_macro"),
                        (2, "bitserial_per_group", 1, 2, "shared")]:
            pieces = synthesise.flexcim(*variant, rows=ROWS, columns=COLUMNS)
            gates = sum(component["gate_equivalents"] for component in pieces.components())
            whole = whole_macro(*variant)
            # Which row's sub-macro is written is decoded in the macro itself.
            self.assertLess(abs(gates - whole) / whole, 0.02, f"{variant}: {gates:.0f} in pieces, {whole:.0f} as a whole")

    def test_finds_only_the_isel_missing_in_the_dense_column(self):
        dense, partitioned = synthesise.dense(ROWS, COLUMNS).components(), synthesise.flexcim(1, "bitserial_per_cell", rows=ROWS, columns=COLUMNS).components()
        gates = [{c["component"]: c["gate_equivalents"] for c in macro} for macro in (dense, partitioned)]
        for same in ("multipliers", "adder trees", "accumulators", "partial-sum entries"):
            self.assertEqual(gates[0][same], gates[1][same], same)
        self.assertNotIn("pair selection", gates[0])
        self.assertGreater(gates[1]["pair selection"], 2 * ROWS * COLUMNS)  # at least an AND-OR a cell

    def test_refuses_an_unknown_cell(self):
        known, synthesise.NAND2 = synthesise.NAND2, "NAND99"
        try:
            with self.assertRaisesRegex(SystemExit, "no cell NAND99"):
                synthesise.nand2_area()
        finally:
            synthesise.NAND2 = known


if __name__ == "__main__":
    try:
        synthesise.require_tools()
    except SystemExit as missing:
        print(f"Skipped: {missing}")
        sys.exit(77)
    unittest.main()

"""tools/test_summary.py counts as CTest's results say, and gives the reason of every skipped test."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).parents[2] / "tools/test_summary.py"

PASSED = '<testcase name="Good" time="0.1" status="run"><system-out>fine</system-out></testcase>'
FAILED = '<testcase name="Bad" time="2" status="fail"><failure message=""/><system-out>1 is not 2</system-out></testcase>'
SKIPPED = ('<testcase name="Lazy" time="0" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
           "<system-out>a_test.cpp:3: Skipped\nSPARSECIM_DATA is not set\n[  SKIPPED ] Lazy</system-out></testcase>")
HALF = ('<testcase name="Half" time="1" status="run"><system-out>SKIPPED [1] tests/x_test.py:7: no PyTorch here\n'
        "1 passed, 1 skipped</system-out></testcase>")


def summary(*cases):
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write("<testsuite>" + "".join(cases) + "</testsuite>")
        file.flush()
        return subprocess.run([sys.executable, PROGRAM, file.name], capture_output=True, text=True)


class TestSummary(unittest.TestCase):
    def closing_line(self, done):
        return done.stdout.splitlines()[-1]

    def test_closes_with_the_counts(self):
        done = summary(PASSED, PASSED, SKIPPED)
        self.assertEqual(self.closing_line(done), "2 passed, 0 failed, 1 skipped")
        self.assertEqual(done.returncode, 0)

    def test_shows_what_a_failed_test_said_and_fails(self):
        done = summary(PASSED, FAILED)
        self.assertIn("failed: Bad\n1 is not 2", done.stdout)
        self.assertEqual(self.closing_line(done), "1 passed, 1 failed, 0 skipped")
        self.assertEqual(done.returncode, 1)

    def test_names_the_skipped_with_their_reasons(self):
        done = summary(PASSED, SKIPPED, HALF)
        self.assertIn("skipped: Lazy: SPARSECIM_DATA is not set", done.stdout)
        self.assertIn("skipped: Half: no PyTorch here", done.stdout)
        self.assertEqual(self.closing_line(done), "2 passed, 0 failed, 1 skipped")

    def test_fails_when_no_test_ran(self):
        self.assertEqual(summary().returncode, 1)
        self.assertEqual(summary(SKIPPED).returncode, 1)

    def test_fails_without_results(self):
        done = subprocess.run([sys.executable, PROGRAM, "/nonexistent.xml"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(re.match("error: ", done.stderr))


if __name__ == "__main__":
    unittest.main()

"""The tables of docs/results are what the program says now."""

import pathlib
import subprocess
import sys
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


class Results(unittest.TestCase):
    def test_are_current(self):
        run = subprocess.run([sys.executable, REPOSITORY / "tools/results", "--check"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)


if __name__ == "__main__":
    unittest.main()

"""The machine that docs/formats/machines.md shows is the one that a test builds."""

import pathlib
import re
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


class OwnMachine(unittest.TestCase):
    def test_is_the_code_of_the_page(self):
        page = (REPOSITORY / "docs/formats/machines.md").read_text()
        built = (REPOSITORY / "src/hardware/own_machine_test.cpp").read_text()
        shown = re.search(r"```cpp\n(.*?)```", page, re.DOTALL)[1]
        self.assertEqual(shown, re.search(r"// \[example\]\n(.*?)// \[example\]", built, re.DOTALL)[1])


if __name__ == "__main__":
    unittest.main()

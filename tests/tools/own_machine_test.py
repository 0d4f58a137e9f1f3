"""The worked example of docs/formats/machines.md is code that a test compiles and runs."""

import pathlib
import re
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


def blocks(language, text):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


class OwnMachine(unittest.TestCase):
    def test_is_what_the_page_shows(self):
        page = (REPOSITORY / "docs/formats/machines.md").read_text()
        test = (REPOSITORY / "src/hardware/own_machine_test.cpp").read_text()
        examples = re.findall(r"// example: [^\n]*\n(.*?)// end of the example", test, flags=re.DOTALL)
        self.assertEqual(len(examples), 2)
        self.assertEqual([block.strip() for block in blocks("cpp", page)], [examples[0].strip()])
        description = re.search(r'R"\((.*?)\)"', examples[1], flags=re.DOTALL)[1]
        self.assertEqual(blocks("yaml", page), [description])


if __name__ == "__main__":
    unittest.main()

"""tools/check_links.py finds the links that lead nowhere, and no others."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).parents[2] / "tools/check_links.py"


def check(pages):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in pages.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        subprocess.run("git init -q . && git add .", shell=True, check=True, cwd=folder)
        return subprocess.run([sys.executable, PROGRAM, folder], capture_output=True, text=True)


class CheckLinks(unittest.TestCase):
    def test_accepts_files_headings_and_the_web(self):
        done = check({"a.md": "# One `two`, three\n[b](docs/b.md#x-y) [up](#one-two-three) [w](https://nowhere.invalid/x)",
                      "docs/b.md": "## X y\n## X y\n[a](../a.md) [second](#x-y-1)"})
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_names_the_page_and_line_of_a_missing_file(self):
        done = check({"a.md": "# A\n\n[b](docs/b.md)\n"})
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"a\.md:3: docs/b\.md is not there")

    def test_names_a_missing_heading(self):
        done = check({"a.md": "# A\n[b](#b)\n"})
        self.assertRegex(done.stdout, r"a\.md:2: a\.md has no heading #b")

    def test_leaves_code_alone(self):
        done = check({"a.md": "```\n[b](b.md)\n```\n`[c](c.md)`\n"})
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()

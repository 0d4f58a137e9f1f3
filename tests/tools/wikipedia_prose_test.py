"""tools/wikipedia_prose.py keeps sentences and drops what is no prose, on a small encyclopaedia made here."""

import bz2
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile
from xml.sax.saxutils import escape

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
import wikipedia_prose  # noqa: E402

SENTENCE = "The quick brown fox jumps over the lazy dog while the old grey cat looks on from the garden wall. "


def page(title, text, extra=""):
    return f"<page><title>{title}</title>{extra}<revision><text>{escape(text)}</text></revision></page>"


def run(*pages):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        xml = f'<mediawiki xmlns="{wikipedia_prose.NAMESPACE[1:-1]}">{"".join(pages)}</mediawiki>'
        with zipfile.ZipFile(folder / "x.whl", "w") as wheel:
            wheel.writestr(wikipedia_prose.ARTICLES, bz2.compress(xml.encode()))
        subprocess.run([sys.executable, TOOLS / "wikipedia_prose.py", folder / "x.whl", folder / "c", folder / "e"], check=True)
        return (folder / "c").read_text(), (folder / "e").read_text()


class Plain(unittest.TestCase):
    def test_keeps_the_words_of_links_and_emphasis(self):
        self.assertEqual(wikipedia_prose.plain("'''Ada''' wrote [[computer program|programs]] and [[poem]]s [http://x.y z]."),
                         "Ada wrote programs and poems z.")

    def test_drops_notes_templates_tables_and_pictures(self):
        markup = ("One{{note|{{inner}}}} two<ref name=a>three [[four]]</ref><ref name=a/> five<!-- six -->"
                  "{| class=x\n| seven\n|} eight[[File:nine.png|thumb|ten [[eleven]] and [[twelve|13]]]] nine.")
        self.assertEqual(wikipedia_prose.plain(markup), "One two five eight nine.")


class Prose(unittest.TestCase):
    def test_is_made_of_whole_sentences(self):
        self.assertTrue(wikipedia_prose.is_prose((SENTENCE * 3).strip()))
        for line in ("Too short.", "* " + SENTENCE * 3, (SENTENCE * 3).strip()[:-1], "1234 5678 " * 30 + "."):
            self.assertFalse(wikipedia_prose.is_prose(line.strip()), line)

    def test_refuses_a_sentence_with_a_hole(self):
        self.assertFalse(wikipedia_prose.is_prose(SENTENCE * 3 + "The mass of , is known."))


class Files(unittest.TestCase):
    def setUp(self):
        def article(number):
            return page(f"Article {number}", "\n== Next ==\n".join(f"{SENTENCE * 30}Number {number}, part {part}."
                                                                    for part in "ab"))
        self.pages = [article(number) for number in range(6)]

    def test_share_no_article(self):
        calibration, evaluation = run(*self.pages)
        self.assertEqual([f"Number {n}" in calibration for n in range(6)], [True, True, False, True, True, False])
        self.assertEqual([f"Number {n}" in evaluation for n in range(6)], [False, False, True, False, False, True])

    def test_take_turns_over_the_articles(self):
        _, evaluation = run(*self.pages)
        ends = [paragraph.split(". ")[-1] for paragraph in evaluation.strip().split("\n\n")]
        self.assertEqual(ends, ["Number 2, part a.", "Number 5, part a.", "Number 2, part b.", "Number 5, part b."])

    def test_leave_redirects_and_stubs_out(self):
        redirect = page("R", SENTENCE * 60, '<redirect title="Article 1"/>')
        calibration, evaluation = run(redirect, page("S", SENTENCE * 5), *self.pages)
        self.assertEqual((calibration + evaluation).count("part a"), 6)
        self.assertNotIn("\n\n" + SENTENCE * 5 + "\n", calibration)


if __name__ == "__main__":
    unittest.main()

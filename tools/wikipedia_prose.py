"""wikipedia_prose.py WHEEL CALIBRATION EVALUATION: the running prose of the Wikipedia articles in gensim's wheel.

Every third article goes to EVALUATION, the others to CALIBRATION. Of an article we keep paragraphs of whole sentences: no
tables, lists, notes, formulas, captions. The files take turns over the articles, a section at a time, so that the first
few thousand words of each already speak of many things. Paragraphs are separated by an empty line.
"""

import bz2
import html
import itertools
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

ARTICLES = "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
NAMESPACE = "{http://www.mediawiki.org/xml/export-0.10/}"
MIN_PARAGRAPH_CHARACTERS = 200  # shorter ones are mostly what is left of lists and captions
MIN_ARTICLE_CHARACTERS = 4000

HIDDEN = re.compile(r"<!--.*?-->|<ref[^<>]*/>|<(ref|math|gallery|timeline|table|code|pre|source|score|chem|syntaxhighlight|"
                    r"blockquote|poem|imagemap|nowiki)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
INNERMOST = re.compile(r"\{\{[^{}]*\}\}|\{\|(?:(?!\{\||\|\}).)*\|\}", re.DOTALL)
MEDIA = re.compile(r"\[\[\s*(?:file|image|category|media):(?:[^\[\]]|\[\[[^\[\]]*\]\]|\[[^\[\]]*\])*\]\]", re.IGNORECASE)
LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)*([^\[\]|]*)\]\]")
WEB_LINK = re.compile(r"\[(?:https?:)?//[^\s\]]*\s*([^\]]*)\]")
TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
SECTION = re.compile(r"^==[^=].*$", re.MULTILINE)
# What a removed template, formula or note leaves behind: text with a hole in it, which is no prose any more.
HOLE = re.compile(r"\(\s*[;,)]|\s[,.;](?:\s|$)|\b(?:a|an|the|of|in|to|by|is|are|than|about) [,.;)]|[{}\[\]|<>=\\]|_{2}|''|^\W*$")


def without_nested(pattern, text):
    """Takes away what matches, from the innermost outwards."""
    while (shorter := pattern.sub("", text)) != text:
        text = shorter
    return text


def plain(markup):
    text = HIDDEN.sub("", html.unescape(markup))
    text = without_nested(INNERMOST, text)
    text = MEDIA.sub("", text)
    text = without_nested(re.compile(r"\{[^{}]*\}"), text)
    text = LINK.sub(r"\1", LINK.sub(r"\1", text))
    text = WEB_LINK.sub(r"\1", text)
    text = TAG.sub("", text).replace("'''''", "").replace("'''", "").replace("''", "")
    text = text.replace("\u00a0", " ").replace("\u200b", "")
    return re.sub(r" *\( *\)|\([,; ]+\)", "", text)


def is_prose(line):
    if len(line) < MIN_PARAGRAPH_CHARACTERS or line[0] in "*#:;|!=- " or line[-1] not in ".\"'”’)?!":
        return False
    letters = sum(character.isalpha() or character == " " for character in line)
    return letters > 0.9 * len(line) and not HOLE.search(line)


def sections(markup):
    """The article's parts that hold prose, each a list of paragraphs."""
    for part in SECTION.split(markup):
        lines = [re.sub(r"[ \t]+", " ", line).strip() for line in plain(part).splitlines()]
        if paragraphs := [line for line in lines if line and is_prose(line)]:
            yield paragraphs


def articles(wheel):
    with zipfile.ZipFile(wheel) as archive, archive.open(ARTICLES) as packed:
        pages = ElementTree.fromstring(bz2.decompress(packed.read())).iter(NAMESPACE + "page")
        for page in pages:
            title = page.findtext(NAMESPACE + "title")
            if page.find(NAMESPACE + "redirect") is None and not title.endswith("(disambiguation)"):
                parts = list(sections(page.findtext(f"{NAMESPACE}revision/{NAMESPACE}text") or ""))
                if sum(len(line) for part in parts for line in part) >= MIN_ARTICLE_CHARACTERS:
                    yield parts


def write(path, chosen):
    """The first section of each article, then the second of each that has one, and so on."""
    turns = itertools.chain.from_iterable(itertools.zip_longest(*chosen))
    paragraphs = itertools.chain.from_iterable(part for part in turns if part)
    pathlib.Path(path).write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


def main(wheel, calibration, evaluation):
    found = list(articles(wheel))
    write(calibration, [parts for number, parts in enumerate(found) if number % 3 != 2])
    write(evaluation, found[2::3])


if __name__ == "__main__":
    main(*sys.argv[1:])

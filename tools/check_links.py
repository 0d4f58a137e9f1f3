"""check_links.py [FOLDER]: every relative link of every *.md that git tracks leads to a file, and to a heading where it has
an anchor. Addresses of the web are not visited. Prints what is broken; exit status 1 if anything is."""

import functools
import pathlib
import re
import subprocess
import sys
import urllib.parse

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\s*\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def blank(match):
    """Keeps the line breaks, so that line numbers stay true."""
    return re.sub(r"[^\n]", " ", match.group())


@functools.cache
def anchors(path):
    """As GitHub makes them: lower case, punctuation dropped, blanks to hyphens, -1, -2 for the second, third."""
    found = set()
    for heading in HEADING.findall(FENCE.sub(blank, path.read_text())):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def complaint(page, link):
    target, _, anchor = urllib.parse.unquote(link).partition("#")
    path = (page.parent / target).resolve() if target else page
    if not path.exists():
        return f"{target} is not there"
    if anchor and path.suffix == ".md" and anchor not in anchors(path):
        return f"{path.name} has no heading #{anchor}"
    return None


def broken(page):
    text = CODE.sub(blank, FENCE.sub(blank, page.read_text()))
    for match in LINK.finditer(text):
        link = match.group(1) or match.group(2)
        if not re.match(r"[a-z][a-z0-9+.-]*:", link) and (said := complaint(page, link)):
            yield f"{page}:{text.count(chr(10), 0, match.start()) + 1}: {said}"


def main(folder="."):
    listed = subprocess.run(["git", "-C", folder, "ls-files", "-z", "*.md"], check=True, capture_output=True, text=True)
    pages = [pathlib.Path(folder).resolve() / name for name in listed.stdout.split("\0") if name]
    complaints = [line for page in pages if page.exists() for line in broken(page)]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

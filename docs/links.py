"""Point the links of docs/ at lines of the source: python docs/links.py

A link with words behind it, [walk.py](../minigan/engine/walk.py#L7 "Why an order is needed"), means
the first line that holds these words. Lines move when a file is edited. This sets the numbers anew;
--check only says which are wrong, and tests/test_docs.py asks it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parent
LINK = re.compile(r'\]\((?P<path>[^)\s#]+)#L(?P<line>\d+) "(?P<words>[^"]+)"\)')


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Point the links of docs/ at lines.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if wrong")
    options = parser.parse_args(arguments)
    faults = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        faults += [f"{page.name}: {fault}" for fault in wrong(text)]
        if not options.check:
            page.write_text(pointed(text), encoding="utf-8")
    print("\n".join(faults) or "all links point at their lines")
    return int(options.check and bool(faults))


def wrong(text: str) -> list[str]:
    """What is wrong with the links of a page, a line each."""
    found = []
    for link in LINK.finditer(text):
        line = line_of(link["path"], link["words"])
        if line is None:
            found.append(f'{link["path"]} no longer says "{link["words"]}"')
        elif line != int(link["line"]):
            found.append(
                f'{link["path"]}: "{link["words"]}" is in line {line}, not {link["line"]}; '
                "python docs/links.py sets it"
            )
    return found


def pointed(text: str) -> str:
    """The page with the right numbers."""

    def right(link: re.Match[str]) -> str:
        line = line_of(link["path"], link["words"]) or link["line"]
        return f']({link["path"]}#L{line} "{link["words"]}")'

    return LINK.sub(right, text)


def line_of(path: str, words: str) -> int | None:
    """The first line with these words, by number, in a file named as a page in docs/ names it."""
    lines = (DOCS / path).read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if words in line), None)


if __name__ == "__main__":
    raise SystemExit(main())

"""How a table of docs/ looks in Markdown."""

from collections.abc import Sequence


def table(head: Sequence[str], align: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of cells; `align` says "left" or "right" for each column."""
    rule = "|".join("---:" if side == "right" else "---" for side in align)
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in row) for row in [head, *rows]]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def minus(text: str) -> str:
    """With a minus sign in place of the hyphen."""
    return text.replace("-", "−")

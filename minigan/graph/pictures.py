"""Pictures: a graph as SVG, with a layout of our own, and as DOT, for Graphviz.

Next: drawing.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from html import escape

from minigan.graph.boxes import Arrow, Box, Graph
from minigan.graph.layout import Layout, Point, layout

COLORS = {  # inside and edge
    "learned": ("#eaf5ef", "#3c9d72"),
    "constant": ("#f5f5f5", "#aaaaaa"),
    "made": ("#edf3fa", "#2f6db3"),
    "layer": ("#f3eff8", "#8c5fb5"),
}
INK, GRAY, GRADIENT = "#222222", "#777777", "#b3561b"
TITLE, TEXT, LINE = 12, 11, 15  # pixels: sizes of letters, and from line to line
MARGIN = 14


def dot(graph: Graph) -> str:
    """The graph in the language of Graphviz."""
    lines = [
        "digraph minigan {",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=10, color="#777777"];',
    ]
    for place, box in enumerate(graph.boxes):
        fill, edge = COLORS[box.kind]
        text = "\\n".join(map(_quoted, [box.title, *_lines(box)]))
        lines.append(f'  n{place} [label="{text}", fillcolor="{fill}", color="{edge}"];')
    for source, target, label, tracked in graph.arrows:
        style = "" if tracked else ", style=dashed"
        lines.append(f'  n{source} -> n{target} [label="{_quoted(label)}"{style}];')
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _lines(box: Box) -> list[str]:
    return [*box.lines, *([box.gradient] if box.gradient else [])]


def svg(graph: Graph) -> str:
    """The graph as a picture that any browser shows: text, and the same for the same graph."""
    sizes = [_size(box) for box in graph.boxes]
    where = layout(sizes, [(arrow.source, arrow.target) for arrow in graph.arrows])
    width, height = (round(side + 2 * MARGIN) for side in where.size)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{-MARGIN} {-MARGIN} {width} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{TEXT}" text-anchor="middle">',
        f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{width}" height="{height}" fill="white"/>',
    ]
    for arrow, start, end, bends in zip(
        graph.arrows, *_ends(graph.arrows, where, sizes), where.bends, strict=True
    ):
        parts += _arrow(arrow, [start, *bends, end], where.centers[arrow.target])
    for box, size, center in zip(graph.boxes, sizes, where.centers, strict=True):
        parts += _box(box, size, center)
    return "\n".join([*parts, "</svg>", ""])


def _size(box: Box) -> tuple[float, float]:
    """Wide enough for its longest line: letters are about 0.56 of their height wide, bold more."""
    wide = [len(box.title) * TITLE * 0.62] + [len(line) * TEXT * 0.56 for line in _lines(box)]
    return round(max(wide) + 20), (1 + len(_lines(box))) * LINE + 10


def _ends(
    arrows: Sequence[Arrow], where: Layout, sizes: Sequence[tuple[float, float]]
) -> tuple[list[Point], list[Point]]:
    """Where arrows leave and arrive: side by side along a box, in the order of where they come from
    or lead to, so that they do not cross just there."""
    leaving, arriving = defaultdict(list), defaultdict(list)
    for place, arrow in enumerate(arrows):
        bends = where.bends[place]
        leaving[arrow.source].append((*(bends or [where.centers[arrow.target]])[0], place))
        arriving[arrow.target].append((*(bends or [where.centers[arrow.source]])[-1], place))
    starts, ends = [(0.0, 0.0)] * len(arrows), [(0.0, 0.0)] * len(arrows)
    for side, points, direction in ((leaving, starts, 1), (arriving, ends, -1)):
        for box, there in side.items():
            (x, y), (width, height) = where.centers[box], sizes[box]
            step = min(24, (width - 16) / len(there))
            for at, (_, _, place) in enumerate(sorted(there)):
                shift = (at - (len(there) - 1) / 2) * step
                points[place] = x + shift, y + direction * height / 2
    return starts, ends


def _arrow(arrow: Arrow, points: Sequence[Point], target: Point) -> list[str]:
    """A smooth line through the points, upright in each, and its head."""
    (x, y), *others = points
    path = f"M{x:.1f} {y:.1f}"
    for to_x, to_y in others:
        tip = to_y - 6 if (to_x, to_y) == points[-1] else to_y
        middle = (y + tip) / 2
        path += f" C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {tip:.1f}"
        x, y = to_x, tip
    dashes = "" if arrow.tracked else ' stroke-dasharray="4 3"'
    parts = [
        f'<path d="{path}" fill="none" stroke="{GRAY}"{dashes}/>',
        f'<path d="M{x:.1f} {y + 6:.1f}l-3.5 -7h7z" fill="{GRAY}"/>',
    ]
    if arrow.label:
        beside, anchor = (x - 6, "end") if x < target[0] else (x + 6, "start")
        parts.append(
            f'<text x="{beside:.1f}" y="{y:.1f}" font-size="10" text-anchor="{anchor}" '
            f'fill="{GRAY}">{escape(arrow.label)}</text>'
        )
    return parts


def _box(box: Box, size: tuple[float, float], center: Point) -> list[str]:
    (width, height), (x, y) = size, center
    fill, edge = COLORS[box.kind]
    top = y - height / 2
    dashes = ' stroke-dasharray="4 3"' if box.kind == "constant" else ""
    parts = [
        "<g>" + (f"<title>{escape(box.hint)}</title>" if box.hint else ""),
        f'<rect x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:g}" height="{height:g}" '
        f'rx="6" fill="{fill}" stroke="{edge}"{dashes}/>',
        f'<text x="{x:.1f}" y="{top + LINE + 2:.1f}" font-size="{TITLE}" font-weight="bold" '
        f'fill="{INK}">{escape(box.title)}</text>',
    ]
    for number, line in enumerate(_lines(box), 2):
        ink, below = GRADIENT if line == box.gradient else INK, top + number * LINE + 2
        parts.append(f'<text x="{x:.1f}" y="{below:.1f}" fill="{ink}">{escape(line)}</text>')
    return [*parts, "</g>"]

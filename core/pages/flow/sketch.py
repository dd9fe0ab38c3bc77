"""What flow/drawing.html writes down: a drawing of layout.py with its words, ready for SVG.

Presentation only: the caller says what each box and each curve means, by classes and texts.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.pages.flow import layout

# Pixels: lines of text in a box, the arrow's head, the number on a step.
TITLE_LINE, FIGURE_LINE, NOTE_LINE = 16, 24, 14
HEAD_LENGTH, HEAD_WIDTH = 8, 3.5
BADGE_HEIGHT, BADGE_LETTER = 16, 7.0
# To the right where there is room, down on a phone. `letters` of a title fit into a box.
WIDE = layout.Sizes(box=(102, 50), gap=94, lane=20, space=12, margin=16)
NARROW = layout.Sizes(box=(46, 78), gap=50, lane=14, space=6, margin=8, down=True)
# With a figure in each box.
WIDE_BOARD = layout.Sizes(box=(140, 70), gap=100, lane=18, space=14, margin=10)
NARROW_BOARD = layout.Sizes(box=(70, 78), gap=46, lane=14, space=6, margin=8, down=True)
LETTERS = {WIDE: 11, NARROW: 11, WIDE_BOARD: 18, NARROW_BOARD: 11}


@dataclass(frozen=True, slots=True)
class Text:
    x: float
    y: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Badge:
    """A few letters in a small frame."""

    x: float
    y: float
    width: float
    text: str
    height: float = BADGE_HEIGHT

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def baseline(self) -> float:
        return self.y + BADGE_HEIGHT - 4.5


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a node or a step. `notes` stand below a node's title, beside a step: at most
    one above the curve and one below. `badge`: on the node's edge, or on the step."""

    title: str
    kind: str = ""
    label: str = ""
    figure: str = ""
    notes: tuple[str, ...] = ()
    badge: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    box: layout.Box
    words: Words
    texts: tuple[Text, ...]
    badge: Badge | None


@dataclass(frozen=True, slots=True)
class Step:
    curve: layout.Curve
    words: Words
    head: str
    texts: tuple[Text, ...]
    badge: Badge | None


@dataclass(frozen=True, slots=True)
class Sketch:
    drawing: layout.Drawing
    shape: str
    nodes: tuple[Node, ...]
    steps: tuple[Step, ...]


def sketches(
    table: Mapping[Any, tuple[Any, ...]],
    node: Callable[[Any, bool], Words],
    step: Callable[[Any, Any, bool], Words],
    shapes: tuple[layout.Sizes, layout.Sizes] = (WIDE, NARROW),
) -> tuple[Sketch, Sketch]:
    """The table drawn for a wide page and for a narrow one. `node` and `step` are asked for their
    words, the last argument is whether for the wide one. Quiet steps come first: what is drawn
    later lies above."""
    made = []
    for shape, sizes in zip(("wide", "narrow"), shapes, strict=True):
        drawing, wide = layout.draw(table, sizes), not sizes.down
        nodes = (_node(box, node(box.node, wide), LETTERS[sizes]) for box in drawing.boxes)
        steps = (_step(curve, step(curve.start, curve.end, wide)) for curve in drawing.curves)
        ordered = sorted(steps, key=lambda step: bool(step.words.kind))
        made.append(Sketch(drawing, shape, tuple(nodes), tuple(ordered)))
    return made[0], made[1]


def _node(box: layout.Box, words: Words, letters: int) -> Node:
    x, middle = box.middle
    groups = (
        ("title", TITLE_LINE, wrapped(words.label, letters)),
        ("figure", FIGURE_LINE, [words.figure] if words.figure else []),
        ("note", NOTE_LINE, words.notes),
    )
    y = middle - sum(height * len(lines) for _kind, height, lines in groups) / 2
    texts = []
    for kind, height, lines in groups:
        for line in lines:
            texts.append(Text(x, y + height - 4, line, kind))
            y += height
    badge = None
    if words.badge:
        width = _width(words.badge)
        badge = Badge(box.x + box.width - width - 6, box.y - BADGE_HEIGHT / 2, width, words.badge)
    return Node(box, words, tuple(texts), badge)


def _step(curve: layout.Curve, words: Words) -> Step:
    x, y = curve.label
    places = (y - 5, y + 13)
    texts = tuple(
        Text(x, at, note, "note") for at, note in zip(places, words.notes, strict=False) if note
    )
    badge = None
    if words.badge:
        width = _width(words.badge)
        badge = Badge(x - width / 2, y - BADGE_HEIGHT / 2, width, words.badge)
    return Step(curve, words, _head(curve), texts, badge)


def _head(curve: layout.Curve) -> str:
    """The arrow's head as a path, its tip where the curve ends."""
    (from_x, from_y), (x, y) = curve.points[-2:]
    length = math.hypot(x - from_x, y - from_y) or 1
    ahead_x, ahead_y = (x - from_x) / length, (y - from_y) / length
    base_x, base_y = x - HEAD_LENGTH * ahead_x, y - HEAD_LENGTH * ahead_y
    aside_x, aside_y = -HEAD_WIDTH * ahead_y, HEAD_WIDTH * ahead_x
    corners = ((x, y), (base_x + aside_x, base_y + aside_y), (base_x - aside_x, base_y - aside_y))
    return "M" + " L".join(f"{at_x:.1f},{at_y:.1f}" for at_x, at_y in corners) + " Z"


def wrapped(text: str, letters: int) -> list[str]:
    """A title in two lines at most; what is still too long ends in "…"."""
    words, lines = text.split(), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and columns(longer) > letters and len(lines) < 2:
            lines.append(word)
        else:
            lines[-1] = longer
    return [shortened(line, letters) for line in lines]


def shortened(text: str, letters: int) -> str:
    if columns(text) <= letters:
        return text
    while text and columns(text) > letters - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def columns(text: str) -> int:
    """How wide it is drawn: a Chinese character takes the room of two letters."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _width(text: str) -> float:
    return max(BADGE_HEIGHT, BADGE_LETTER * columns(text) + 9)

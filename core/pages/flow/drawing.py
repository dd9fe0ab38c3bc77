"""A layout with its texts, for flow/drawing.html to write as SVG. Presentation only: the caller
gives each box and each line its classes and texts."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.models import Status
from core.pages.flow import layout

# Pixels: lines of text in a box, the arrow's head, the number on a step.
TITLE_LINE, FIGURE_LINE, NOTE_LINE = 16, 24, 14
HEAD_LENGTH, HEAD_WIDTH = 8, 3.5
BADGE_HEIGHT, BADGE_LETTER, BADGE_INSET = 16, 7.0, 6


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
class Caption:
    """The texts of a node or a step. `title`: for screen readers and pointers. `classes`: for the
    style sheet. `notes`: below a node's label; of a step, one above its line and one below.
    `badge`: on the node's edge, or on the step."""

    title: str
    classes: str = ""
    label: str = ""
    figure: str = ""
    notes: tuple[str, ...] = ()
    badge: str = ""
    url: str = ""


def draw(
    flow: Mapping[Status, Iterable[Status]],
    node: Callable[[Status, bool], Caption],
    step: Callable[[Status, Status, bool], Caption],
    wide: layout.Shape = layout.WIDE,
    narrow: layout.Shape = layout.NARROW,
) -> list[dict[str, Any]]:
    """`flow` drawn for a wide and for a narrow page, which shows the one that fits. `node` and
    `step` return captions; their last argument says whether it is the wide one. Quiet steps come
    first: later ones are drawn over them."""
    drawings = []
    for name, shape in (("wide", wide), ("narrow", narrow)):
        laid_out, is_wide = layout.lay_out(flow, shape), shape is wide
        steps = [_step(line, step(line.start, line.end, is_wide)) for line in laid_out.lines]
        drawings.append(
            {
                "shape": name,
                "layout": laid_out,
                "nodes": [_node(box, node(box.node, is_wide), shape) for box in laid_out.boxes],
                "steps": sorted(steps, key=lambda step: bool(step["caption"].classes)),
            }
        )
    return drawings


def _node(box: layout.Box, caption: Caption, shape: layout.Shape) -> dict[str, Any]:
    x, middle = box.middle
    groups = (
        ("title", TITLE_LINE, wrapped(caption.label, shape.letters)),
        ("figure", FIGURE_LINE, [caption.figure] if caption.figure else []),
        ("note", NOTE_LINE, caption.notes),
    )
    y = middle - sum(height * len(lines) for _kind, height, lines in groups) / 2
    texts = []
    for kind, height, lines in groups:
        for line in lines:
            texts.append(Text(x, y + height - 4, line, kind))
            y += height
    badge = _corner_badge(box, caption.badge, shape) if caption.badge else None
    return {"box": box, "caption": caption, "texts": texts, "badge": badge}


def _corner_badge(box: layout.Box, text: str, shape: layout.Shape) -> Badge:
    """On the box's edge, mostly outside: a title of two lines reaches up to it."""
    (x, y), width = box.at(shape.badge), _width(text)
    left = x - width - BADGE_INSET if shape.badge[0] > 0 else x + BADGE_INSET
    return Badge(left, y - (10 if shape.badge[1] < 0 else BADGE_HEIGHT - 10), width, text)


def _step(line: layout.Line, caption: Caption) -> dict[str, Any]:
    x, y = line.label
    baselines = (y - 5, y + 13)
    texts = [
        Text(x, baseline, note, "note")
        for baseline, note in zip(baselines, caption.notes, strict=False)
        if note
    ]
    badge = None
    if caption.badge:
        width = _width(caption.badge)
        badge = Badge(x - width / 2, y - BADGE_HEIGHT / 2, width, caption.badge)
    return {"line": line, "caption": caption, "head": _head(line), "texts": texts, "badge": badge}


def _head(line: layout.Line) -> str:
    """The arrow's head as a path; its tip is the end of the line."""
    (from_x, from_y), (x, y) = line.points[-2:]
    length = math.dist((from_x, from_y), (x, y)) or 1
    ahead_x, ahead_y = (x - from_x) / length, (y - from_y) / length
    base_x, base_y = x - HEAD_LENGTH * ahead_x, y - HEAD_LENGTH * ahead_y
    aside_x, aside_y = -HEAD_WIDTH * ahead_y, HEAD_WIDTH * ahead_x
    corners = ((x, y), (base_x + aside_x, base_y + aside_y), (base_x - aside_x, base_y - aside_y))
    return "M" + " L".join(f"{at_x:.1f},{at_y:.1f}" for at_x, at_y in corners) + " Z"


def wrapped(text: str, letters: int) -> list[str]:
    """A title in two lines at most; a line that is still too long ends in "…"."""
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
    """Its drawn width: a Chinese character takes the room of two letters."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _width(text: str) -> float:
    return max(BADGE_HEIGHT, BADGE_LETTER * columns(text) + 9)

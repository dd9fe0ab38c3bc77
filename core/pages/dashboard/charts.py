"""Charts as SVG, drawn by pygal on the server: no script in the page, no style in attributes.

pygal's own style sheet and script are taken out; theme and page decide the colours
(office/dashboard.css). Each chart is drawn for a wide page and for a phone, as text does not shrink
well; style sheets show one of them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pygal
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from pygal.etree import etree
from pygal.style import Style

# Width, height, and about how many labels fit below.
SHAPES = {"wide": (560, 210, 7), "narrow": (340, 200, 4)}
# Every so many points have a label, counted from the last one.
STEPS = (1, 2, 5, 10, 15, 30, 60)
STYLE = Style(label_font_size=11, major_label_font_size=11, font_family="inherit")
COMMON: dict[str, Any] = {
    "explicit_size": False,
    "show_legend": False,
    "js": (),
    "css": (),
    "disable_xml_declaration": True,
    "no_prefix": True,
    "style": STYLE,
    "truncate_label": -1,
    "show_minor_x_labels": False,
    "margin": 6,
    "spacing": 6,
    "max_scale": 5,
    "include_x_axis": True,
}
# Whatever a page may not bring along, and what only pygal's script would use.
DROPPED = ("style", "script", "desc", "title")
DROPPED_PARTS = ("text-overlay", "tooltip-overlay", "titles")


Points = tuple[tuple[str, float, str], ...]
Say = Callable[[float], str]


def bars(points: Points, say: Say) -> SafeString:
    """A bar each of (label, value, what it says when pointed at); `say` writes the scale."""
    return _drawn("bars", points, say, get_language() or "")


def line(points: Points, say: Say) -> SafeString:
    """A line through the points, filled below."""
    return _drawn("line", points, say, get_language() or "")


@lru_cache(maxsize=32)
def _drawn(kind: str, points: Points, say: Say, language: str) -> SafeString:
    """Both shapes. `language` is for the cache: numbers are not written alike in all."""
    highest = max((value for _label, value, _text in points), default=0)
    values = [value for _label, value, _text in points]
    drawings = []
    for shape, (width, height, labels) in SHAPES.items():
        if kind == "bars":
            chart = pygal.Bar(width=width, height=height, rounded_bars=2, **COMMON)
            chart.add("", values)
        else:
            chart = pygal.Line(width=width, height=height, show_dots=False, **COMMON)
            chart.add("", values, fill=True)
            chart.add("", values)
        chart.range = (0, max(highest, 4))
        chart.x_labels = [label for label, _value, _text in points]
        step = next(step for step in STEPS if step * labels >= len(points))
        chart.x_labels_major = chart.x_labels[::-1][::step]
        chart.formatter = chart.value_formatter = say
        root = chart.render_tree()
        _clean(root, [text for _label, _value, text in points])
        root.set("class", f"chart chart--{shape} chart--{kind}")
        root.set("aria-hidden", "true")
        del root.attrib["id"]
        drawings.append(etree.tostring(root, encoding="unicode"))
    return mark_safe("".join(drawings))  # noqa: S308 - numbers, and texts that etree escaped


def _clean(element: Any, texts: list[str]) -> None:
    """Take out what pages forbid, and let each bar say what it is."""
    for child in list(element):
        tag = str(child.tag).rpartition("}")[2]
        kinds = child.get("class", "").split()
        if not isinstance(child.tag, str) or tag in DROPPED or set(kinds) & set(DROPPED_PARTS):
            element.remove(child)
            continue
        child.attrib.pop("style", None)
        _clean(child, texts)
        if "bar" in kinds and texts:
            title = etree.SubElement(child, "title")
            title.text = texts.pop(0)

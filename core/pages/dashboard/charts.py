"""Charts as SVG, drawn by pygal on the server: no script in the page, no style in attributes.

Law: only documented names of pygal are called, and its output is read as any SVG. Its style sheet
and script are removed; theme and page decide the colours (office/dashboard.css). Text does not
shrink well, so each chart is drawn twice, for a wide page and for a phone; style sheets show one.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pygal
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from pygal.style import Style

# Width, height, and about how many labels fit below.
SHAPES = {"wide": (560, 210, 7), "narrow": (340, 200, 4)}
# Each of so many points has a label, counted from the last one.
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
# By tag and by class: what a page forbids, and what only pygal's script would use.
DROPPED_TAGS = {"style", "script", "desc", "title"}
DROPPED_CLASSES = {"text-overlay", "tooltip-overlay", "titles"}


class Point(NamedTuple):
    """`label`: below the axis. `title`: what a bar says when pointed at."""

    label: str
    value: float
    title: str = ""


Points = tuple[Point, ...]
FormatValue = Callable[[float], str]


def draw(kind: str, points: Points, format_value: FormatValue) -> SafeString:
    """As "bars", one per point, or as a "line" filled below. `format_value` writes the scale."""
    return _drawn(kind, points, format_value, get_language() or "")


@lru_cache(maxsize=32)
def _drawn(kind: str, points: Points, format_value: FormatValue, language: str) -> SafeString:
    """Both shapes. `language` is for the cache: languages write numbers differently."""
    drawings = []
    for shape, (width, height, labels) in SHAPES.items():
        values = [point.value for point in points]
        chart = _chart(kind, values, width, height)
        # A day may have refunded more than it took.
        chart.range = (min([0, *values]), max([4, *values]))
        chart.x_labels = [point.label for point in points]
        step = next(step for step in STEPS if step * labels >= len(points))
        chart.x_labels_major = chart.x_labels[::-1][::step]
        chart.formatter = chart.value_formatter = format_value
        root = ElementTree.fromstring(chart.render(is_unicode=True))  # noqa: S314 - pygal's own
        _clean(root, [point.title for point in points])
        root.attrib.pop("id", None)
        root.set("class", f"chart chart--{shape} chart--{kind}")
        root.set("aria-hidden", "true")
        drawings.append(ElementTree.tostring(root, encoding="unicode"))
    return mark_safe("".join(drawings))  # noqa: S308 - numbers, and texts that ElementTree escaped


def _chart(kind: str, values: list[float], width: int, height: int) -> Any:
    if kind == "bars":
        chart = pygal.Bar(width=width, height=height, rounded_bars=2, **COMMON)
    else:
        chart = pygal.Line(width=width, height=height, show_dots=False, **COMMON)
        chart.add("", values, fill=True)
    chart.add("", values)
    return chart


def _clean(element: ElementTree.Element, titles: list[str]) -> None:
    """Remove what pages forbid, and give each bar its title. In HTML SVG needs no namespace."""
    element.tag = _name(element)
    element.attrib.pop("style", None)
    for child in list(element):
        classes = set(child.get("class", "").split())
        if _name(child) in DROPPED_TAGS or classes & DROPPED_CLASSES:
            element.remove(child)
            continue
        _clean(child, titles)
        if "bar" in classes and titles:
            ElementTree.SubElement(child, "title").text = titles.pop(0)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]

"""Texts of recipes with placeholders, and what may be filled in where.

`{video_id}` is a placeholder; `{{views}}` is sent as `{views}`. All other braces are sent as they
stand, so that JSON can be pasted. What is filled in is written for its place: percent-encoded in a
path, escaped in JSON, encoded in a form. It cannot end the text that it stands in.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self
from urllib.parse import quote, quote_plus

import regex

from booster.exceptions import PermanentError, SiteCode
from booster.net.play import SEQUENCE

VIDEO_ID, KEY = "video_id", "key"
ORDER, NUMBER, PLAY_KEY = "order", "sequence", "play_key"
SECRET = "secret:"  # noqa: S105  what the name of such a placeholder begins with

OF_VIDEOS = (VIDEO_ID, KEY)
OF_PLAYS = (*OF_VIDEOS, ORDER, NUMBER, PLAY_KEY)

_NAME = r"[A-Za-z_]+(?::[A-Za-z0-9_-]{1,32})?"
_TOKEN = regex.compile(
    rf"\{{\{{\{{(?P<braced>{_NAME})\}}\}}\}}"
    rf"|\{{\{{(?P<literal>{_NAME})\}}\}}"
    rf"|\{{(?P<name>{_NAME})\}}"
)


class Place(Enum):
    PATH = auto()
    HEADER = auto()
    JSON = auto()
    FORM = auto()
    PLAIN = auto()


@dataclass(frozen=True, slots=True)
class Value:
    text: str  # as people read it
    encoded: str | None = None  # in a path, if other: that may hold a slash and an encoded one

    def at(self, place: Place, *, in_query: bool) -> str:
        match place:
            case Place.PATH if self.encoded is not None and not in_query:
                return self.encoded
            case Place.PATH:
                return quote(self.text, safe="/:@" if self.encoded is not None else "")
            case Place.HEADER if self.encoded is not None and not self.text.isascii():
                return self.encoded
            case Place.JSON:
                return json.dumps(self.text, ensure_ascii=False)[1:-1]
            case Place.FORM:
                return quote_plus(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class Template:
    """`parts`: pieces of text, and names of placeholders at every second place."""

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """ValueError: a text that reads like the mark of the play's number cannot be sent."""
        parts, end = [""], 0
        for token in _TOKEN.finditer(text):
            parts[-1] += text[end : token.start()]
            end = token.end()
            if token["literal"]:
                parts[-1] += f"{{{token['literal']}}}"
            elif token["braced"]:
                parts[-1] += "{"
                parts += [token["braced"], "}"]
            else:
                parts += [token["name"], ""]
        parts[-1] += text[end:]
        if any(SEQUENCE in part for part in parts[::2]):
            raise ValueError(SEQUENCE)
        return cls(tuple(parts))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.parts[1::2])

    def fill(self, values: Mapping[str, Value], place: Place) -> str:
        """`SEQUENCE` stays, for the engine. PermanentError: a value is missing, or reads like the
        mark of the play's number."""
        filled, in_query, marks = "", False, 0
        for index, part in enumerate(self.parts):
            if index % 2 == 0:
                filled += part
                in_query = in_query or "?" in part
            elif part == NUMBER:
                filled += SEQUENCE
                marks += 1
            else:
                filled += _value(values, part).at(place, in_query=in_query)
                marks += part == PLAY_KEY
        if filled.count(SEQUENCE) != marks:
            raise PermanentError(SiteCode.VALUE_NOT_SENDABLE, name=SEQUENCE)
        return filled


class NumberedKey(Value):
    """A play's key: its number is the engine's to fill in, so its mark is written as it is."""

    def at(self, place: Place, *, in_query: bool) -> str:
        return f"{self.text}:{SEQUENCE}"


def _value(values: Mapping[str, Value], name: str) -> Value:
    value = values.get(name)
    if value is not None:
        return value
    if name.startswith(SECRET):
        raise PermanentError(SiteCode.SECRET_MISSING, name=name.removeprefix(SECRET))
    raise PermanentError(SiteCode.VALUE_NOT_FOUND, name=name)


def place_of_body(body: str, headers: Iterable[tuple[str, str]]) -> Place:
    """By what its Content-Type says; without one, by how it begins."""
    kinds = (content.lower() for name, content in headers if name.lower() == "content-type")
    kind = next(kinds, "")
    if "json" in kind:
        return Place.JSON
    if "x-www-form-urlencoded" in kind:
        return Place.FORM
    if kind:
        return Place.PLAIN
    if body.lstrip()[:1] in ("{", "["):
        return Place.JSON
    return Place.FORM if "=" in body else Place.PLAIN

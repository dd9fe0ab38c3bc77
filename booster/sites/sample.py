"""A recipe's beginnings from what people have at hand: a video's address, and what the site
answers. Pure. It only proposes: the recipe's own checks decide.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import regex

from booster.exceptions import PermanentError
from booster.sites import extraction, ids, recipe_fields
from booster.sites.extraction import whole_number
from booster.sites.templates import VIDEO_ID

MAX_SAMPLE = 256 * 1024
# Of a page: whoever pasted it waits.
MAX_NUMBERS, MOST_SECONDS = 400, 2.0
SHOWN = 30_000  # characters
# Names by which sites ask for a video.
ID_NAMES = frozenset({"v", "id", "m", "p", "vid", "video", "video_id", "videoid", "watch", "w"})
MARKERS = (24, 60, 120, 240)  # how far back a marker may begin
ROW = 2000  # how far back an id may stand, of a number that no text of its own leads to

_PLAIN_KEY = regex.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_IN_TEXT = regex.compile(
    r"(?<![\p{L}\p{N}.,_'#%-])[0-9]"
    r"(?:[0-9.,'\u2019\u066c\u00a0\u2009\u202f]|&(?:nbsp|thinsp|#160|#8239|#x202f|#xa0);"
    r"| (?=[0-9]{3}))*"
    r"(?<=[0-9])(?![\p{L}\p{N}_%]|[.,][0-9]| ?[kKmM\u4e07\u842c\u4ebf\u5104]\b)",
    regex.IGNORECASE,
)
# An answer that is the number and nothing else, as JSON or as text.
_ALONE = regex.compile(r'(?P<before>\s*"?)(?P<number>[^"]*[^"\s])(?P<after>"?\s*)')
_ALONE_PATTERN = r'^\s*"?([^"]+)"?\s*$'
_NUMBER_PATTERN = "(\\d(?:[\\d.,'\u2019\u066c\\s]|&#?\\w+;)*)"
_TAG_OR_TEXT = regex.compile(r"<(?P<name>[!/?]?[\w-]*)[^<>]*>|[^<>]+|[<>]")
_WORDS = regex.compile(r"[\p{L}<>]")
_BRACED = regex.compile(r"\{([A-Za-z_]+(?::[A-Za-z0-9_-]{1,32})?)\}")


@dataclass(frozen=True, slots=True)
class VideoAddress:
    """A part of the address that may be the video's id."""

    video_id: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Of the sample as it is shown: text, or a number and where it stands (`count_json`,
    `count_marker` or `count_pattern`)."""

    text: str
    where: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    is_json: bool
    pieces: list[Piece]

    @property
    def numbers(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.where]


# The address


def ids_in(url_path: str, hints: str = "") -> list[VideoAddress]:
    """What may be the id, the likeliest first. `hints`: other texts of the site, which hold the id
    sooner than another word of the address."""
    path, _question, query = url_path.partition("?")
    found = []
    parts = [part for part in path.split("/") if part]
    for index, part in enumerate(parts):
        before = "".join(f"/{_alike(one)}" for one in parts[:index])
        points = _weight(part, index == len(parts) - 1)
        found.append((points, part, f"^{before}/([^/?]+)"))
        for inner, end in _within(part):
            # What is short stands in an answer by chance.
            found.append((points - (1 if len(inner) > 2 else 5), inner, f"^{before}/{end}"))
    for pair in query.split("&") if query else ():
        name, _equals, value = pair.partition("=")
        key = regex.escape(name)
        points = _weight(value, True) + (1 if name.lower() in ID_NAMES else -2)
        found.append((points, ids.of_query(value), f"[?&]{key}=([^&]+)"))
    found.sort(key=lambda one: -one[0] - 4 * _stands_in(one[1], hints))
    return list(_readable(found))


def _within(part: str) -> Iterator[tuple[str, str]]:
    """An id within a part of a path (`12-harbour`, `harbour_12`, `harbour.12`, `harbour.html`), and
    where it stands."""
    for written, pattern in (
        (r"(\d+)[-_.][^/?]+", r"(\d+)[-_.]"),
        (r"[^/?]+[-_.](\d+)", r"[^/?]*[-_.](\d+)/?(?:\?|$)"),
        (r"[^/?]+[-_.](\d+)\.[a-z]{2,5}", r"[^/?]*[-_.](\d+)\.[a-z]{2,5}"),
        (r"([^/?]+)\.(?:html?|php|aspx?|jsp)", r"([^/?]+)\.(?:html?|php|aspx?|jsp)"),
    ):
        if found := regex.fullmatch(written, part):
            yield found[1], pattern


def _stands_in(part: str, text: str) -> bool:
    written = {regex.escape(part), regex.escape(unquote(part))}
    return any(regex.search(rf"(?<!\w){one}(?!\w)", text) for one in written if one)


def _readable(found: list[tuple[int, str, str]]) -> Iterator[VideoAddress]:
    for _points, raw, pattern in found:
        with suppress(PermanentError):
            yield VideoAddress(ids.join(raw, None), pattern)


def _alike(part: str) -> str:
    """A part of a path before the id: numbers, such as a year's, differ from video to video."""
    return r"\d+" if part.isdecimal() and part.isascii() else regex.escape(part)


def _weight(part: str, is_last: bool) -> int:
    has_digit = any(char.isdigit() for char in part)
    return 2 * is_last + has_digit + (len(part) > 8)


def path_for(source: str, video_id: str) -> str:
    """The path that an answer came from, with {video_id} in the place of this video's."""
    value = ids.values_of(video_id)[VIDEO_ID]
    for written in (value.encoded, value.text):
        if written and written in source:
            return source.replace(written, f"{{{VIDEO_ID}}}")
    return source


# The answer


def read(answer: str, video_id: str) -> Sample:
    try:
        data = json.loads(answer)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict | list):
        return Sample(True, _merged(_in_json(data, "", video_id, 0)))
    return Sample(False, _merged(_alone(answer) or _in_text(answer, video_id)))


def _alone(answer: str) -> Iterator[Piece] | None:
    found = _ALONE.fullmatch(answer)
    if found is None or _count(found["number"]) is None:
        return None
    number = Piece(found["number"], {"count_pattern": _ALONE_PATTERN})
    return iter([Piece(found["before"]), number, Piece(found["after"])])


def _in_json(value: Any, path: str, video_id: str, depth: int) -> Iterator[Piece]:
    pad = "  " * (depth + 1)
    if isinstance(value, dict | list) and value and depth < 10:
        opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
        yield Piece(opening)
        for number, (label, step, inner) in enumerate(_children(value, path, video_id)):
            yield Piece((",\n" if number else "\n") + pad + label)
            yield from _in_json(inner, step, video_id, depth + 1)
        yield Piece("\n" + "  " * depth + closing)
        return
    text = json.dumps(value, ensure_ascii=False)
    is_count = _count(value) is not None and _is_path(path)
    yield Piece(text, {"count_json": path} if is_count else {})


def _children(value: Any, path: str, video_id: str) -> Iterator[tuple[str, str, Any]]:
    """What stands before each, its path, and itself."""
    plain = unquote(video_id)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == plain:
                step = f"[{{{VIDEO_ID}}}]"
            elif _PLAIN_KEY.fullmatch(key):
                step = f".{key}" if path else key
            else:
                step = f"[{json.dumps(key, ensure_ascii=False)}]"
            yield f"{json.dumps(key, ensure_ascii=False)}: ", path + step, inner
        return
    for index, inner in enumerate(value):
        yield "", f"{path}[{_name_of(inner, plain) or index}]", inner


def _name_of(element: Any, video_id: str) -> str | None:
    """What marks a list's element as the video's: a field that is its id or an address with it."""
    if not isinstance(element, dict):
        return None
    within = regex.compile(rf"(?<=[/=]){regex.escape(video_id)}(?![\w-])")
    fields = [
        (key, str(value))
        for key, value in element.items()
        if _PLAIN_KEY.fullmatch(key) and isinstance(value, str | int)
    ]
    for key, text in fields:
        if text == video_id:
            return f"{key}={{{VIDEO_ID}}}"
    for key, text in fields:
        if within.search(text):
            wanted = within.sub(f"{{{VIDEO_ID}}}", text)
            return f"{key}={json.dumps(wanted, ensure_ascii=False)}"
    return None


def _is_path(path: str) -> bool:
    try:
        recipe_fields.json_path(path)
    except recipe_fields.FieldError:
        return False
    return bool(path)


def _count(value: Any) -> int | None:
    """As a recipe would read it; None where it would not."""
    try:
        return whole_number(value)
    except PermanentError:
        return None


def _in_text(text: str, video_id: str) -> Iterator[Piece]:
    end, ends = 0, time.monotonic() + MOST_SECONDS
    for number, found in enumerate(_IN_TEXT.finditer(extraction.in_plain_digits(text))):
        if number >= MAX_NUMBERS or time.monotonic() > ends:
            break
        yield Piece(text[end : found.start()])
        yield Piece(text[found.start() : found.end()], _place(text, found, video_id))
        end = found.end()
    yield Piece(text[end:])


def _place(text: str, found: "regex.Match[str]", video_id: str) -> dict[str, str]:
    """After a tag of the number's own, in the video's row, or after a text of its own, which may be
    the video's title."""
    start, number = found.start(), found[0]
    if _count(number) is None:
        return {}
    before = text[:start].rstrip()
    line = before[before.rfind("\n") + 1 :].lstrip()
    tag = line[max(0, line.rfind("<")) :]
    if marker := _marker(text, before, tag[-MARKERS[-1] :], number):
        return {"count_marker": _as_template(marker, unquote(video_id))}
    if pattern := _row_pattern(text, start, number, unquote(video_id)):
        return {"count_pattern": pattern}
    for length in MARKERS:
        if marker := _marker(text, before, line[-length:], number):
            return {"count_marker": _as_template(marker, unquote(video_id))}
    return {}


def _marker(text: str, before: str, marker: str, number: str) -> str:
    """This end of what stands before a number, if it leads to it and to none before; else ""."""
    is_first = text.find(marker) == len(before) - len(marker)
    leads = (
        _WORDS.search(marker)
        and is_first
        and _count(extraction.number_after(marker, text)) == _count(number)
    )
    return marker if leads else ""


def _row_pattern(text: str, start: int, number: str, video_id: str) -> str:
    """The tags from the video's id to a number after it, as in a table. "": there is no id, or they
    lead to another number."""
    before = text[max(0, start - ROW) : start]
    places = list(regex.finditer(rf"(?<!\w){regex.escape(video_id)}(?!\w)", before))
    if not places:
        return ""
    row = before[places[-1].end() :]
    rest = regex.match(r"[^<>]*>", row)  # of the tag that the id stands in
    pieces = [
        *([r"[^<>]*>"] if rest else []),
        *_alike_pieces(list(_TAG_OR_TEXT.finditer(row, rest.end() if rest else 0))),
        _NUMBER_PATTERN,
    ]
    pattern = rf"(?<!\w){{{VIDEO_ID}}}(?!\w)" + r"\s*".join(pieces)
    if len(pattern) > recipe_fields.MAX_PATTERN:
        return ""
    try:
        found = extraction.search(
            extraction.filled_pattern(pattern, ids.values_of(video_id)), text, "count_pattern"
        )
    except PermanentError:
        return ""
    return pattern if found and _count(found[1]) == _count(number) else ""


def _alike_pieces(row: "list[regex.Match[str]]") -> Iterator[str]:
    """For any video's row: the same tags, and any text but the last, which the number follows."""
    for piece in row:
        if piece["name"] is not None:
            yield rf"<{regex.escape(piece['name'])}[^<>]*>"
        elif piece is row[-1]:
            yield from map(regex.escape, piece[0].split())
        elif not piece[0].isspace():
            yield "[^<>]*"


def _as_template(marker: str, video_id: str) -> str:
    escaped = _BRACED.sub(r"{{\1}}", marker)
    # A short id may stand there by chance.
    return escaped.replace(video_id, f"{{{VIDEO_ID}}}") if len(video_id) > 2 else escaped


def _merged(pieces: Iterator[Piece]) -> list[Piece]:
    """Texts side by side as one, and no more than can be shown."""
    merged: list[Piece] = []
    room = SHOWN
    for piece in pieces:
        if room <= 0:
            merged.append(Piece("\n…"))
            break
        room -= len(piece.text)
        if merged and not piece.where and not merged[-1].where:
            merged[-1] = Piece(merged[-1].text + piece.text)
        elif piece.text:
            merged.append(piece)
    return merged


def proves(piece: Piece, answer: str, video_id: str) -> int:
    """The count that a recipe with this piece reads. PermanentError: none."""
    values = ids.values_of(video_id)
    if "count_json" in piece.where:
        path = extraction.JsonPath.parse(piece.where["count_json"])
        return whole_number(path.value_in(json.loads(answer), values))
    return whole_number(piece.text)

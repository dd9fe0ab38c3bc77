"""Any site of the operator's own, by a recipe that staff fill in: how to read, how to play.

A recipe is data, not code. What it makes is checked before it is kept (`Recipe.parse`, one error a
field) and can do no more than any adapter: one request a play, to the site's own host, with no
header that would forge who asks (law 4).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import regex

from booster.exceptions import PermanentError, SiteCode
from booster.net.client import RESERVED_HEADERS, Response, SiteClient, check_headers, check_path
from booster.net.play import SEQUENCE, PlayRequest
from booster.sites.base import MAX_COUNT, SiteAdapter, check_oid, no_such_video, not_a_video

METHODS = ("GET", "POST", "PUT", "PATCH")
COUNT_BYTES = 256 * 1024  # of the page or answer that holds the count
MAX_PATTERN = 300
MAX_BODY = 8192
MAX_HEADERS = 20
# Staff's expressions meet text from elsewhere: whatever they are, they end after this time.
PATTERN_SECONDS = 0.5

# What may stand in the play's path, header values and body. The count's path knows the first only.
PLACEHOLDERS = ("{video_id}", "{order}", "{sequence}", "{play_key}")

ORDER_HEADER = "X-Play-Order"

_PLACEHOLDER = regex.compile(r"\{[A-Za-z_]+\}")
# Numbers as pages show them: 1234, or in groups of three.
_NUMBER = regex.compile(r"[0-9]{1,18}|[0-9]{1,3}(?:[,.'_ \u00a0\u2009\u202f][0-9]{3}){1,5}")
_VIDEO_ID = regex.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}")


class RecipeError(PermanentError):
    """A recipe that cannot be used. `errors`: a plain reason for each field that is wrong."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        told = " ".join(f"{field}: {reason}" for field, reason in errors.items())
        super().__init__(SiteCode.RECIPE_NOT_VALID, error=told)
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one site is read and played. Made by `parse()`, which checks it."""

    video_pattern: str  # on the path and query of an address; its one group is the video's id
    count_path: str  # GET; {video_id}
    play_path: str
    count_json: str = ""  # "data.stats.views", "items.0.views"; this or count_pattern
    count_pattern: str = ""  # on the text of the answer; its one group is the count
    play_method: str = "POST"
    play_headers: tuple[tuple[str, str], ...] = ()
    play_body: str = ""
    counted: tuple[int, ...] = (200, 201, 202, 204)
    idempotent: bool = False  # the site counts a play sent again, with the same key, once
    settle_seconds: int = 60

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Recipe":
        """A recipe from JSON-like values (as stored, or as a form gives them).

        Raises RecipeError with one plain reason for each field that is wrong.
        """
        errors: dict[str, str] = {}
        values: dict[str, Any] = {}
        for field in data.keys() - {field.name for field in fields(cls)}:
            errors[str(field)] = "There is no such field."
        for name, check in _CHECKS.items():
            try:
                values[name] = check(data.get(name))
            except ValueError as error:
                errors[name] = str(error)
        if not errors:
            errors |= _errors_together(values)
        if errors:
            raise RecipeError(errors)
        return cls(**values)


class HttpAdapter(SiteAdapter):
    """Follows one recipe."""

    slug: ClassVar[str] = "http"
    label: ClassVar[str] = "Any site, by a recipe"
    notes: ClassVar[str] = (
        "Fill in how the site's counter is read and what one play is, then try it: the counter "
        "must move by one."
    )

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._video_pattern = regex.compile(recipe.video_pattern)
        self._count_pattern = regex.compile(recipe.count_pattern)

    # What the other adapters are by their class this one is by its recipe.
    @property
    def idempotent(self) -> bool:  # type: ignore[override]
        return self.recipe.idempotent

    @property
    def settle_seconds(self) -> float:  # type: ignore[override]
        return float(self.recipe.settle_seconds)

    def video_id(self, url_path: str) -> str:
        found = _search(self._video_pattern, url_path, "video_pattern")
        if found is None:
            raise not_a_video(url_path, f"what matches {self.recipe.video_pattern}")
        # It goes into paths, headers and JSON as it is, and must not mean anything there.
        if not _VIDEO_ID.fullmatch(found):
            raise PermanentError(SiteCode.NOT_A_VIDEO_ID, video=found[:128])
        return found

    def read_count(self, client: SiteClient, video_id: str) -> int:
        path = self.recipe.count_path.replace("{video_id}", video_id)
        answer = client.get(path, max_bytes=COUNT_BYTES, accept=(200, 404))
        if answer.status == 404:
            raise no_such_video(video_id)
        if self.recipe.count_json:
            return _whole_number(_value_at(answer, self.recipe.count_json))
        text = answer.body.decode("utf-8", "replace")
        found = _search(self._count_pattern, text, "count_pattern")
        if found is None:
            raise PermanentError(SiteCode.COUNT_PATTERN_NOT_FOUND)
        return _whole_number(found)

    def play(self, video_id: str, oid: str) -> PlayRequest:
        order = check_oid(oid)
        recipe = self.recipe

        def fill(text: str) -> str:
            for name, value in (
                ("{video_id}", video_id),
                ("{order}", order),
                ("{play_key}", f"{order}:{SEQUENCE}"),
            ):
                text = text.replace(name, value)
            return text

        headers = tuple((name, fill(value)) for name, value in recipe.play_headers)
        return PlayRequest(
            method=recipe.play_method,
            path=fill(recipe.play_path),
            headers=(*headers, (ORDER_HEADER, order)),
            body=fill(recipe.play_body).encode(),
            counted=frozenset(recipe.counted),
            idempotent=recipe.idempotent,
        )


# Reading what a site says


def _search(pattern: "regex.Pattern[str]", text: str, field: str) -> str | None:
    """The pattern's group in the text, None if it is not there. PermanentError if it takes long."""
    try:
        match = pattern.search(text, timeout=PATTERN_SECONDS)
    except TimeoutError:
        raise PermanentError(SiteCode.RECIPE_TOO_SLOW, field=field) from None
    return match[1] if match else None


def _value_at(answer: Response, path: str) -> Any:
    value = answer.json()
    for key in path.split("."):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise PermanentError(SiteCode.NO_VIEW_COUNT, path=path)
    return value


def _whole_number(value: Any) -> int:
    """A count as JSON or a page gives it: 1234, "1234" or "1,234"; "1.2K" is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = int("".join(char for char in value if char.isdecimal()))
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise PermanentError(SiteCode.NOT_A_VIEW_COUNT, value=str(value)[:80])
    return value


# Checking a recipe, field by field: each returns the value to keep or raises ValueError


def _text(value: Any, limit: int) -> str:
    text = "" if value is None else value
    if not isinstance(text, str):
        raise ValueError("This must be a text.")
    if len(text) > limit:
        raise ValueError(f"This is longer than {limit} characters.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("This holds characters that cannot be sent.")
    return text


def _pattern(value: Any) -> str:
    text = _text(value, MAX_PATTERN)
    try:
        groups = regex.compile(text).groups
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"This is not a regular expression: {error}.") from None
    if text and groups != 1:
        raise ValueError("The expression needs exactly one group in parentheses.")
    return text


def _required_pattern(value: Any) -> str:
    if not value:
        raise ValueError("This is required.")
    return _pattern(value)


def _path(*placeholders: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = _text(value, 1024)
        if not text:
            raise ValueError("This is required.")
        filled = _sample(text, placeholders)
        if not text.startswith("/"):
            raise ValueError("A path begins with a slash: the host is the site's own.")
        try:
            check_path(filled)
        except ValueError:
            raise ValueError(
                "A path holds printable ASCII only, without spaces, #, backslashes or //."
            ) from None
        return text

    return check


def _json_path(value: Any) -> str:
    text = _text(value, MAX_PATTERN)
    keys = text.split(".")
    if text and (len(keys) > 10 or not all(keys)):
        raise ValueError("This is a path of up to 10 keys with dots between them: data.views")
    return text


def _method(value: Any) -> str:
    method = _text(value, 10).upper() or "POST"
    if method not in METHODS:
        raise ValueError(f"The method is one of {', '.join(METHODS)}.")
    return method


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    """From a mapping, pairs, or lines of "Name: value"."""
    if isinstance(value, str):
        lines = [line for line in value.splitlines() if line.strip()]
        if not all(":" in line for line in lines):
            raise ValueError("Each line is a header: Name: value")
        value = [line.split(":", 1) for line in lines]
    if not isinstance(value, Mapping | list | tuple | None):
        raise ValueError("These are headers, a name and a value each.")
    pairs = list(value.items()) if isinstance(value, Mapping) else list(value or ())
    if len(pairs) > MAX_HEADERS:
        raise ValueError(f"These are more than {MAX_HEADERS} headers.")
    headers = []
    for pair in pairs:
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(isinstance(part, str) for part in pair)
        ):
            raise ValueError("Each header is a name and a value.")
        headers.append(_header(pair[0].strip(), pair[1].strip()))
    names = [name.lower() for name, _ in headers]
    if len(set(names)) < len(names):
        raise ValueError("A header stands here twice.")
    return tuple(headers)


def _header(name: str, value: str) -> tuple[str, str]:
    if name.lower() in RESERVED_HEADERS | {ORDER_HEADER.lower()}:
        raise ValueError(f"{name} is not a recipe's to set: requests say truly who they are.")
    try:
        check_headers({name: _sample(value, PLACEHOLDERS)})
    except ValueError as error:
        raise ValueError(f"{name[:100]}: {error}") from None
    return name, value


def _body(value: Any) -> str:
    text = _text(value, MAX_BODY)
    _sample(text, PLACEHOLDERS)
    return text


def _counted(value: Any) -> tuple[int, ...]:
    """From numbers, or a text such as "200, 204"."""
    if value is None or value == "":
        value = (200, 201, 202, 204)
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    try:
        statuses = tuple(sorted({int(status) for status in value}))
    except (TypeError, ValueError):
        raise ValueError("These are status numbers, such as 200, 204.") from None
    if not statuses or not all(200 <= status <= 299 for status in statuses):
        raise ValueError("Only statuses from 200 to 299 can mean that a play was received.")
    return statuses


def _flag(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ValueError("This is yes or no.")
    return bool(value)


def _seconds(value: Any) -> int:
    if value is None:
        return 60
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 86_400:
        raise ValueError("This is a number of seconds from 1 to 86400.")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "video_pattern": _required_pattern,
    "count_path": _path("{video_id}"),
    "count_json": _json_path,
    "count_pattern": _pattern,
    "play_path": _path(*PLACEHOLDERS),
    "play_method": _method,
    "play_headers": _headers,
    "play_body": _body,
    "counted": _counted,
    "idempotent": _flag,
    "settle_seconds": _seconds,
}


def _errors_together(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong although each field alone is right."""
    errors = {}
    if bool(values["count_json"]) == bool(values["count_pattern"]):
        errors["count_json"] = "Fill in either this or count_pattern."
    if "{video_id}" not in values["count_path"]:
        errors["count_path"] = "The path must hold {video_id}."
    sent = json.dumps([values["play_path"], values["play_headers"], values["play_body"]])
    if "{video_id}" not in sent:
        errors["play_path"] = "Path, headers or body must hold {video_id}."
    if values["play_method"] == "GET" and values["play_body"]:
        errors["play_body"] = "GET sends no body."
    if values["idempotent"] and "{play_key}" not in sent and "{sequence}" not in sent:
        errors["idempotent"] = "The site can know a play again only by {play_key} or {sequence}."
    return errors


def _sample(text: str, placeholders: tuple[str, ...]) -> str:
    """The text with every placeholder filled; ValueError for one that is not known."""
    unknown = set(_PLACEHOLDER.findall(text)) - set(placeholders)
    if unknown:
        raise ValueError(f"{min(unknown)} is not known here; there is {', '.join(placeholders)}.")
    return _PLACEHOLDER.sub("1", text)

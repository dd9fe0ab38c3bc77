"""Any site of the operator's own, as data that staff fill in: how to read, how to play.

A recipe is no code. What it makes is checked before it is kept (`Recipe.parse`, one error a field)
and can do no more than any adapter: requests to the site's own address and to a second one that
proves itself like the first, one a play, with no header that would forge who asks (law 4).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import regex

from booster.exceptions import PermanentError, SiteCode
from booster.net.address import Origin
from booster.sites import recipe_fields as check
from booster.sites.extraction import JsonPath
from booster.sites.recipe_fields import FieldError, _
from booster.sites.session import Yield
from booster.sites.templates import KEY, NUMBER, OF_PLAYS, OF_VIDEOS, PLAY_KEY, SECRET, Template

MAX_STEPS = 3
RECEIVED = (200, 201, 202, 204)
PREPARED = (200, 201, 202, 204, 302, 303)  # a login that went well often leads on


class RecipeError(PermanentError):
    """A recipe that cannot be used. `problems`: what is wrong, by field; `errors`: the same as
    plain text."""

    def __init__(self, problems: Mapping[str, FieldError]) -> None:
        self.problems = dict(problems)
        self.errors = {field: str(problem) for field, problem in problems.items()}
        told = " ".join(f"{field}: {reason}" for field, reason in self.errors.items())
        super().__init__(SiteCode.RECIPE_NOT_VALID, error=told)


@dataclass(frozen=True, slots=True)
class Step:
    """One request before the plays: a page with a token, a login."""

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    accepted: tuple[int, ...] = PREPARED
    cookies: tuple[str, ...] = ()  # names of those to send on; empty: all that it sets
    values: tuple[Yield, ...] = ()
    at_second: bool = False  # asked at the second address

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Step":
        """Raises RecipeError."""
        return cls(**_checked(data, _STEP_CHECKS))

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in it."""
        return _names_in((self.path, self.body, *(content for _name, content in self.headers)))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one site is read and played. Made by `parse()`, which checks it."""

    video_pattern: str  # on the path and query of an address; its group is the video's id, or two
    # groups, `video_id` and `key`
    count_path: str
    play_path: str
    count_method: str = "GET"
    count_headers: tuple[tuple[str, str], ...] = ()
    count_body: str = ""
    count_json: str = ""  # a JsonPath; this, or count_pattern, or count_marker
    count_pattern: str = ""  # on the text of the answer; its group (`views`) is the count
    count_marker: str = ""  # the text that the number follows
    count_in_session: bool = False  # the counter, too, is read only after the steps
    play_method: str = "POST"
    play_headers: tuple[tuple[str, str], ...] = ()
    play_body: str = ""
    counted: tuple[int, ...] = RECEIVED
    idempotent: bool = False  # the site counts a play sent again, with the same key, once
    settle_seconds: int = 60
    steps: tuple[Step, ...] = ()
    # The address (scheme, host, port) of an API or CDN, at which a part is asked.
    second_origin: str = ""
    count_at_second: bool = False
    play_at_second: bool = False
    ignores_case: bool = False  # /watch/ABC and /watch/abc are one video

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Recipe":
        """A recipe from JSON-like values (as stored, or as a form gives them).

        Raises RecipeError with one plain reason for each field that is wrong; those of a step are
        `steps.0.path` and so on.
        """
        values = _checked(data, _CHECKS)
        # One at a time: where several fields are to blame, the one to look at first.
        problems = (
            _problems_of_placeholders(values)
            or _problems_of_count(values)
            or _problems_of_plays(values)
            or _problems_of_steps(values)
            or _problems_of_second(values)
        )
        if problems:
            raise RecipeError(problems)
        return cls(**values)

    def as_data(self) -> dict[str, Any]:
        """As JSON has it, without what is as usual: a release that does not know a field can still
        read a recipe that does not need it."""
        usual = {field.name: field.default for field in fields(self)}
        data = {
            name: value
            for name, value in asdict(self).items()
            if name not in _ADDED or getattr(self, name) != usual[name]
        }
        for step in data.get("steps", ()):
            if not step["at_second"]:
                del step["at_second"]
        as_json: dict[str, Any] = json.loads(json.dumps(data))
        return as_json

    @property
    def names(self) -> frozenset[str]:
        """All placeholders in it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return frozenset(name for _field, found in _sent(values) for name in found)

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the secrets that it needs."""
        return frozenset(
            name.removeprefix(SECRET) for name in self.names if name.startswith(SECRET)
        )

    @property
    def second(self) -> Origin | None:
        return Origin.parse(self.second_origin) if self.second_origin else None

    @property
    def count_origin(self) -> Origin | None:
        """Where the counter is asked for; None: at the site's own address."""
        return self.second if self.count_at_second else None

    @property
    def play_origin(self) -> Origin | None:
        """Where plays go; None: to the site's own address."""
        return self.second if self.play_at_second else None

    def origin_of(self, step: Step) -> Origin | None:
        """Where it is asked; None: at the site's own."""
        return self.second if step.at_second else None


# Fields that earlier releases did not know.
_ADDED = frozenset(
    {
        *("count_method", "count_headers", "count_body", "count_marker", "count_in_session"),
        *("steps", "second_origin", "count_at_second", "play_at_second", "ignores_case"),
    }
)


def _checked(data: Mapping[str, Any], checks: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    problems: dict[str, FieldError] = {}
    values: dict[str, Any] = {}
    for field in data.keys() - checks.keys():
        problems[str(field)] = FieldError(_("There is no such field."))
    for name, look in checks.items():
        try:
            values[name] = look(data.get(name))
        except FieldError as error:
            problems[name] = error
        except RecipeError as error:
            problems |= error.problems
    if problems:
        raise RecipeError(problems)
    return values


def _steps(value: Any) -> tuple[Step, ...]:
    if not isinstance(value, list | tuple | None) or len(value or ()) > MAX_STEPS:
        raise FieldError(_("These are up to %(most)s steps."), most=MAX_STEPS)
    found: list[Step] = []
    problems: dict[str, FieldError] = {}
    for index, data in enumerate(value or ()):
        if not isinstance(data, Mapping):
            raise FieldError(_("A step has a path."))
        try:
            found.append(Step.parse(data))
        except RecipeError as error:
            problems |= {f"steps.{index}.{name}": one for name, one in error.problems.items()}
    if problems:
        raise RecipeError(problems)
    return tuple(found)


_STEP_CHECKS: dict[str, Callable[[Any], Any]] = {
    "path": lambda value: check.path(value, OF_VIDEOS),
    "method": lambda value: check.method(value, "GET"),
    "headers": lambda value: check.headers(value, OF_VIDEOS),
    "body": check.step_body,
    "accepted": lambda value: check.statuses(value, PREPARED),
    "cookies": check.cookie_names,
    "values": check.yields,
    "at_second": check.flag,
}

_CHECKS: dict[str, Callable[[Any], Any]] = {
    "video_pattern": check.video_pattern,
    "count_method": lambda value: check.method(value, "GET"),
    "count_path": partial(check.path, names=OF_VIDEOS),
    "count_headers": lambda value: check.headers(value, OF_VIDEOS),
    "count_body": lambda value: check.body(value, OF_VIDEOS),
    "count_json": check.json_path,
    "count_pattern": check.count_pattern,
    "count_marker": check.marker,
    "count_in_session": check.flag,
    "play_path": partial(check.path, names=OF_PLAYS),
    "play_method": lambda value: check.method(value, "POST"),
    "play_headers": lambda value: check.headers(value, OF_PLAYS),
    "play_body": lambda value: check.body(value, OF_PLAYS),
    "counted": lambda value: check.statuses(value, RECEIVED),
    "idempotent": check.flag,
    "settle_seconds": check.seconds,
    "steps": _steps,
    "second_origin": check.origin,
    "count_at_second": check.flag,
    "play_at_second": check.flag,
    "ignores_case": check.flag,
}


# What is wrong although each field alone is right


def _problems_of_count(values: Mapping[str, Any]) -> dict[str, FieldError]:
    problems = {}
    ways = ("count_json", "count_pattern", "count_marker")
    if sum(bool(values[way]) for way in ways) != 1:
        problems["count_json"] = FieldError(
            _("Fill in one of this, count_pattern and count_marker.")
        )
    # A counter may be looked up in a list by its video.
    read = {name for field, names in _sent(values) if field.startswith("count_") for name in names}
    if not read & _names_of_video(values):
        problems["count_path"] = FieldError(
            _("Path, headers, body or the place of the number must hold {video_id}.")
        )
    if values["count_method"] == "GET" and values["count_body"]:
        problems["count_body"] = FieldError(_("GET sends no body."))
    if values["count_in_session"] and not values["steps"]:
        problems["count_in_session"] = FieldError(_("There is no preparing step."))
    return problems


def _names_of_video(values: Mapping[str, Any]) -> set[str]:
    """The placeholders that say which video is meant: a page that was fetched for it may yield what
    stands for it."""
    steps = [step for step in values["steps"] if "video_id" in step.names]
    return {"video_id", *(one.name for step in steps for one in step.values)}


def _problems_of_plays(values: Mapping[str, Any]) -> dict[str, FieldError]:
    problems = {}
    sent = {name for field, names in _sent(values) if field.startswith("play_") for name in names}
    if not sent & _names_of_video(values):
        problems["play_path"] = FieldError(_("Path, headers or body must hold {video_id}."))
    if values["play_method"] == "GET" and values["play_body"]:
        problems["play_body"] = FieldError(_("GET sends no body."))
    if values["idempotent"] and not sent & {PLAY_KEY, NUMBER}:
        problems["idempotent"] = FieldError(
            _("The site can know a play again only by {play_key} or {sequence}.")
        )
    return problems


def _problems_of_steps(values: Mapping[str, Any]) -> dict[str, FieldError]:
    problems = {}
    used = {name for _field, names in _sent(values) for name in names}
    for index, step in enumerate(values["steps"]):
        if step.method == "GET" and step.body:
            problems[f"steps.{index}.body"] = FieldError(_("GET sends no body."))
        for one in step.values:
            if one.name not in used:
                problems[f"steps.{index}.values"] = FieldError(
                    _("{%(name)s} is used nowhere."), name=one.name
                )
    return problems


def _problems_of_second(values: Mapping[str, Any]) -> dict[str, FieldError]:
    """An address at which nothing is asked, or nothing for what is asked there."""
    there = [name for name in ("count_at_second", "play_at_second") if values[name]]
    there += [
        f"steps.{index}.at_second" for index, one in enumerate(values["steps"]) if one.at_second
    ]
    if values["second_origin"] and not there:
        return {"second_origin": FieldError(_("Nothing is asked there: say which requests are."))}
    if there and not values["second_origin"]:
        return {name: FieldError(_("There is no second address.")) for name in there}
    return {}


def _problems_of_placeholders(values: Mapping[str, Any]) -> dict[str, FieldError]:
    """Names of values that no step yields (or a later one only), and of a key that no address
    holds."""
    problems: dict[str, FieldError] = {}
    has_key = KEY in regex.compile(values["video_pattern"]).groupindex
    yielded: list[list[str]] = [[one.name for one in step.values] for step in values["steps"]]
    for field, names in _sent(values):
        step = int(field.split(".")[1]) if field.startswith("steps.") else len(yielded)
        known = [name for names_of_step in yielded[:step] for name in names_of_step]
        for name in sorted(names):
            if name == KEY and not has_key:
                problems[field] = FieldError(
                    _("{key} needs a group of that name in video_pattern: (?P<key>…).")
                )
            elif name not in OF_PLAYS and not name.startswith(SECRET) and name not in known:
                problems[field] = check.unknown_in_text(name, [*known, *OF_PLAYS])
    # Else one counter would have several ids.
    if has_key and not any(KEY in names for _field, names in _sent(values)):
        problems["video_pattern"] = FieldError(_("{%(name)s} is used nowhere."), name=KEY)
    return problems


def _sent(values: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each field with the placeholders in it."""
    for field in ("count_path", "count_body", "count_marker", "play_path", "play_body"):
        yield field, Template.parse(values[field]).names
    for field in ("count_headers", "play_headers"):
        yield field, _names_in(content for _name, content in values[field])
    yield "count_json", JsonPath.parse(values["count_json"]).names
    pattern = values["count_pattern"]
    yield "count_pattern", frozenset(name for name in OF_VIDEOS if f"{{{name}}}" in pattern)
    for index, step in enumerate(values["steps"]):
        for name in ("path", "body"):
            yield f"steps.{index}.{name}", Template.parse(getattr(step, name)).names
        yield f"steps.{index}.headers", _names_in(content for _name, content in step.headers)


def _names_in(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(name for text in texts for name in Template.parse(text).names)

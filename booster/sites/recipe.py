"""Any site of the operator's own, as data that staff fill in: how to read, how to play.

A recipe is no code: checked before it is kept (`Recipe.parse`, one error a field), it can send no
more than any adapter. Requests go to the site's own address and to a second one that proves itself
like the first, one a play, with no header that would forge who asks (law 4).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, partial
from typing import Annotated, Any, get_type_hints

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

Headers = tuple[tuple[str, str], ...]
Problem = tuple[str, FieldError]  # the name of a field, and what is wrong with it


class RecipeError(PermanentError):
    """`problems`: what is wrong, by field; `errors`: the same as plain text."""

    def __init__(self, problems: Mapping[str, FieldError]) -> None:
        self.problems = dict(problems)
        self.errors = {field: str(problem) for field, problem in problems.items()}
        told = " ".join(f"{field}: {reason}" for field, reason in self.errors.items())
        super().__init__(SiteCode.RECIPE_NOT_VALID, error=told)


# A field is annotated with what makes its value of what a form or a file says.
_path_of_videos = partial(check.path, names=OF_VIDEOS)
_headers_of_videos = partial(check.headers, names=OF_VIDEOS)
_get = partial(check.method, default="GET")


@dataclass(frozen=True, slots=True)
class Step:
    """One request before the plays: a page with a token, a login."""

    path: Annotated[str, _path_of_videos]
    method: Annotated[str, _get] = "GET"
    headers: Annotated[Headers, _headers_of_videos] = ()
    body: Annotated[str, check.step_body] = ""
    accepted: Annotated[tuple[int, ...], partial(check.statuses, default=PREPARED)] = PREPARED
    # Names of those to send on; empty: all that it sets.
    cookies: Annotated[tuple[str, ...], check.cookie_names] = ()
    values: Annotated[tuple[Yield, ...], check.yields] = ()
    at_second: Annotated[bool, check.flag] = False  # asked at the second address

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Step":
        return cls(**_values_of(cls, data))

    @property
    def names(self) -> frozenset[str]:
        return _names_in((self.path, self.body, *(content for _name, content in self.headers)))


@cache
def _checks_of(kind: Any) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _values_of(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """RecipeError."""
    checks = _checks_of(kind)
    problems: dict[str, FieldError] = {}
    values: dict[str, Any] = {}
    for name in data.keys() - checks.keys():
        problems[str(name)] = FieldError(_("There is no such field."))
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


@dataclass(frozen=True, slots=True)
class Recipe:
    """Made by `parse()`, which checks it."""

    # On the path and query of an address; its group is the video's id, or two groups, `video_id`
    # and `key`.
    video_pattern: Annotated[str, check.video_pattern]
    count_path: Annotated[str, _path_of_videos]
    play_path: Annotated[str, partial(check.path, names=OF_PLAYS)]
    count_method: Annotated[str, _get] = "GET"
    count_headers: Annotated[Headers, _headers_of_videos] = ()
    count_body: Annotated[str, partial(check.body, names=OF_VIDEOS)] = ""
    count_json: Annotated[str, check.json_path] = ""  # a JsonPath; this, or one of the next two
    # On the text of the answer; its group (`views`) is the count.
    count_pattern: Annotated[str, partial(check.pattern, names=OF_VIDEOS, group="views")] = ""
    count_marker: Annotated[str, check.marker] = ""  # the text that the number follows
    # The counter, too, is read only after the steps.
    count_in_session: Annotated[bool, check.flag] = False
    play_method: Annotated[str, partial(check.method, default="POST")] = "POST"
    play_headers: Annotated[Headers, partial(check.headers, names=OF_PLAYS)] = ()
    play_body: Annotated[str, partial(check.body, names=OF_PLAYS)] = ""
    counted: Annotated[tuple[int, ...], partial(check.statuses, default=RECEIVED)] = RECEIVED
    # The site counts a play sent again, with the same key, once.
    idempotent: Annotated[bool, check.flag] = False
    settle_seconds: Annotated[int, check.seconds] = 60
    steps: Annotated[tuple[Step, ...], _steps] = ()
    # The address (scheme, host, port) of an API or CDN, at which a part is asked.
    second_origin: Annotated[str, check.origin] = ""
    count_at_second: Annotated[bool, check.flag] = False
    play_at_second: Annotated[bool, check.flag] = False
    ignores_case: Annotated[bool, check.flag] = False  # /watch/ABC and /watch/abc are one video

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Recipe":
        """From JSON-like values, as stored or as a form gives them. RecipeError: one plain reason
        for each field that is wrong; those of a step are `steps.0.path` and so on."""
        recipe = cls(**_values_of(cls, data))
        # One kind at a time: where several fields are to blame, the one to look at first.
        for kind in (_of_placeholders, _of_count, _of_plays, _of_steps, _of_second):
            if problems := dict(kind(recipe)):
                raise RecipeError(problems)
        return recipe

    def as_data(self) -> dict[str, Any]:
        """As JSON, without newer fields as usual: a release that does not know them can read it."""
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
        return frozenset(name for _field, found in _sent(self) for name in found)

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset(
            name.removeprefix(SECRET) for name in self.names if name.startswith(SECRET)
        )

    @property
    def second(self) -> Origin | None:
        return Origin.parse(self.second_origin) if self.second_origin else None

    def origin(self, at_second: bool) -> Origin | None:
        """Where a part of it is asked; None: at the site's own address."""
        return self.second if at_second else None


# Fields that earlier releases did not know.
_ADDED = frozenset(
    {
        *("count_method", "count_headers", "count_body", "count_marker", "count_in_session"),
        *("steps", "second_origin", "count_at_second", "play_at_second", "ignores_case"),
    }
)


# What is wrong although each field alone is right


def _of_count(recipe: Recipe) -> Iterator[Problem]:
    if sum(map(bool, (recipe.count_json, recipe.count_pattern, recipe.count_marker))) != 1:
        yield "count_json", FieldError(_("Fill in one of this, count_pattern and count_marker."))
    # A counter may be looked up in a list by its video.
    read = {name for field, names in _sent(recipe) if field.startswith("count_") for name in names}
    if not read & _names_of_video(recipe):
        sentence = _("Path, headers, body or the place of the number must hold {video_id}.")
        yield "count_path", FieldError(sentence)
    if recipe.count_method == "GET" and recipe.count_body:
        yield "count_body", FieldError(_("GET sends no body."))
    if recipe.count_in_session and not recipe.steps:
        yield "count_in_session", FieldError(_("There is no preparing step."))


def _names_of_video(recipe: Recipe) -> set[str]:
    """Placeholders that say which video is meant; a step made for it may yield some."""
    steps = [step for step in recipe.steps if "video_id" in step.names]
    return {"video_id", *(one.name for step in steps for one in step.values)}


def _of_plays(recipe: Recipe) -> Iterator[Problem]:
    sent = {name for field, names in _sent(recipe) if field.startswith("play_") for name in names}
    if not sent & _names_of_video(recipe):
        yield "play_path", FieldError(_("Path, headers or body must hold {video_id}."))
    if recipe.play_method == "GET" and recipe.play_body:
        yield "play_body", FieldError(_("GET sends no body."))
    if recipe.idempotent and not sent & {PLAY_KEY, NUMBER}:
        sentence = _("The site can know a play again only by {play_key} or {sequence}.")
        yield "idempotent", FieldError(sentence)


def _of_steps(recipe: Recipe) -> Iterator[Problem]:
    used = recipe.names
    for index, step in enumerate(recipe.steps):
        if step.method == "GET" and step.body:
            yield f"steps.{index}.body", FieldError(_("GET sends no body."))
        for one in step.values:
            if one.name not in used:
                error = FieldError(_("{%(name)s} is used nowhere."), name=one.name)
                yield f"steps.{index}.values", error


def _of_second(recipe: Recipe) -> Iterator[Problem]:
    """An address at which nothing is asked, or nothing for what is asked there."""
    there = [name for name in ("count_at_second", "play_at_second") if getattr(recipe, name)]
    there += [f"steps.{at}.at_second" for at, step in enumerate(recipe.steps) if step.at_second]
    if recipe.second_origin and not there:
        sentence = _("Nothing is asked there: say which requests are.")
        yield "second_origin", FieldError(sentence)
    if not recipe.second_origin:
        for name in there:
            yield name, FieldError(_("There is no second address."))


def _of_placeholders(recipe: Recipe) -> Iterator[Problem]:
    """Names of values that no step yields (or a later one only), and of a key that no address
    holds."""
    has_key = KEY in regex.compile(recipe.video_pattern).groupindex
    yielded = [[one.name for one in step.values] for step in recipe.steps]
    for field, names in _sent(recipe):
        step = int(field.split(".")[1]) if field.startswith("steps.") else len(yielded)
        known = [name for names_of_step in yielded[:step] for name in names_of_step]
        for name in sorted(names):
            if name == KEY and not has_key:
                sentence = _("{key} needs a group of that name in video_pattern: (?P<key>…).")
                yield field, FieldError(sentence)
            elif name not in OF_PLAYS and not name.startswith(SECRET) and name not in known:
                yield field, check.unknown_in_text(name, [*known, *OF_PLAYS])
    # Else one counter would have several ids.
    if has_key and KEY not in recipe.names:
        yield "video_pattern", FieldError(_("{%(name)s} is used nowhere."), name=KEY)


def _sent(recipe: Recipe) -> Iterator[tuple[str, frozenset[str]]]:
    """Each field with the placeholders in it."""
    for field in ("count_path", "count_body", "count_marker", "play_path", "play_body"):
        yield field, _names_in([getattr(recipe, field)])
    for field in ("count_headers", "play_headers"):
        yield field, _names_in(content for _name, content in getattr(recipe, field))
    yield "count_json", JsonPath.parse(recipe.count_json).names
    pattern = recipe.count_pattern
    yield "count_pattern", frozenset(name for name in OF_VIDEOS if f"{{{name}}}" in pattern)
    for index, step in enumerate(recipe.steps):
        yield f"steps.{index}.path", _names_in([step.path])
        yield f"steps.{index}.body", _names_in([step.body])
        yield f"steps.{index}.headers", _names_in(content for _name, content in step.headers)


def _names_in(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(name for text in texts for name in Template.parse(text).names)

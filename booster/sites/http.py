"""Any site of the operator's own, by a recipe (recipe.py) that staff fill in.

Everything is asked at the site's own address or at the recipe's second one, which are proved alike.
Secrets of the recipe, and tokens and cookies of a session, stand in no error.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import regex

from booster.exceptions import PermanentError, SiteCode, SiteError
from booster.net.call import MAX_PATH, Call, Response, check_headers
from booster.net.play import PlayRequest
from booster.sites import extraction, ids, templates
from booster.sites.base import SiteAdapter, check_oid, json_title, no_such_video, not_a_video
from booster.sites.credentials import credentials_of
from booster.sites.masking import Mask, without_cookies
from booster.sites.recipe import Headers, Recipe, Step
from booster.sites.recipe_fields import ORDER_HEADER
from booster.sites.session import NOTHING, STEP_BYTES, Preparing, Session
from booster.sites.templates import NumberedKey, Place, Template, Value, place_of_body

SECRET_LENGTH = 8  # of what a site hands out
COUNT_BYTES = 1 << 20  # of the page or answer that holds the count


class HttpAdapter(SiteAdapter):
    """Follows one recipe. `secrets`: by name, for {secret:name}; `session`: what preparing came
    to, None before it."""

    slug: ClassVar[str] = "http"
    label: ClassVar[str] = "Any site, by a recipe"
    notes: ClassVar[str] = (
        "Fill in how the site's counter is read and what one play is, then try it: the counter "
        "must move by one."
    )

    def __init__(
        self,
        recipe: Recipe,
        secrets: Mapping[str, str] | None = None,
        session: Session | None = None,
    ) -> None:
        self.recipe = recipe
        self._secrets = dict(secrets or {})
        self._session = session
        self._video_pattern = regex.compile(recipe.video_pattern)
        self.counted = frozenset(recipe.counted)
        self.idempotent = recipe.idempotent
        self.settle_seconds = float(recipe.settle_seconds)
        self.play_origin = recipe.origin(recipe.play_at_second)

    def video_id(self, url_path: str) -> str:
        found = extraction.search(self._video_pattern, url_path, "video_pattern")
        if found is None:
            raise not_a_video(url_path, f"what matches {self.recipe.video_pattern}")
        groups = found.groupdict()
        video_id = _part(found, templates.VIDEO_ID if templates.VIDEO_ID in groups else 1)
        key = _part(found, templates.KEY) if templates.KEY in groups else None
        if video_id is None or (templates.KEY in groups and key is None):
            raise not_a_video(url_path, f"what matches {self.recipe.video_pattern}")
        if self.recipe.ignores_case:
            video_id = ids.join(video_id, None).lower()
        return ids.join(video_id, key)

    def count_call(self, video_id: str) -> Call:
        recipe, values = self.recipe, self._values(ids.values_of(video_id))
        return Call(
            _path(recipe.count_path, values),
            headers=dict(_headers(recipe.count_headers, values)),
            accept=(200, 404),
            max_bytes=COUNT_BYTES,
            method=recipe.count_method,
            body=_body(recipe.count_body, recipe.count_headers, values),
            cookies=self._cookies_for(recipe.count_at_second) if self.reads_in_session else "",
            origin=recipe.origin(recipe.count_at_second),
        )

    def count_of(self, response: Response, video_id: str) -> int:
        if response.status == 404:
            raise no_such_video(video_id)
        try:
            return extraction.whole_number(self._count_in(response, ids.values_of(video_id)))
        except SiteError as error:
            raise self.masked(error) from None

    def _count_in(self, response: Response, values: Mapping[str, Value]) -> object:
        recipe = self.recipe
        if recipe.count_json:
            return extraction.JsonPath.parse(recipe.count_json).value_in(response.json(), values)
        text = extraction.text_of(response)
        if recipe.count_marker:
            marker = Template.parse(recipe.count_marker).fill(values, Place.PLAIN)
            if (number := extraction.number_after(marker, text)) is None:
                raise PermanentError(SiteCode.COUNT_MARKER_NOT_FOUND)
            return number
        pattern = extraction.filled_pattern(recipe.count_pattern, values)
        found = extraction.search(pattern, text, "count_pattern", recipe.count_pattern)
        if found is None:
            raise PermanentError(SiteCode.COUNT_PATTERN_NOT_FOUND)
        group = "views" if "views" in pattern.groupindex else 1
        extraction.refuse_cut(found, group)
        return found[group]

    def title_of(self, response: Response) -> str:
        """Of a JSON answer by the usual names; a page's heading would be the whole site's."""
        title = json_title(response, "title", "name") if self.recipe.count_json else ""
        return self.mask(title)

    def play(self, video_id: str, oid: str) -> PlayRequest:
        order, recipe = check_oid(oid), self.recipe
        values = self._values(
            ids.values_of(video_id)
            | {templates.ORDER: Value(order), templates.PLAY_KEY: NumberedKey(order)}
        )
        return PlayRequest(
            method=recipe.play_method,
            path=_path(recipe.play_path, values),
            headers=(*_headers(recipe.play_headers, values), (ORDER_HEADER, order)),
            body=_body(recipe.play_body, recipe.play_headers, values),
            counted=self.counted,
            idempotent=recipe.idempotent,
            cookies=self._cookies_for(recipe.play_at_second),
            origin=self.play_origin,
        )

    def preparing(self, video_id: str) -> Preparing | None:
        if self._session is not None or not self.recipe.steps:
            return None

        def ask(session: Session, step: Step) -> Call:
            return self.in_session(session)._step_call(step, video_id)

        def mask(session: Session, error: SiteError) -> SiteError:
            return self.in_session(session).masked(error)

        return Preparing(self.recipe.steps, ask, mask)

    def _step_call(self, step: Step, video_id: str) -> Call:
        values = self._values(ids.values_of(video_id))
        return Call(
            _path(step.path, values),
            headers=dict(_headers(step.headers, values)),
            accept=step.accepted,
            max_bytes=STEP_BYTES,
            method=step.method,
            body=_body(step.body, step.headers, values),
            cookies=self._cookies_for(step.at_second),
            origin=self.recipe.origin(step.at_second),
        )

    def session_key(self, video_id: str) -> object:
        names = {name for step in self.recipe.steps for name in step.names}
        video = video_id if names & {templates.VIDEO_ID, templates.KEY} else ""
        return self.recipe.steps, self.recipe.second, tuple(sorted(self._secrets.items())), video

    def in_session(self, session: Session) -> "HttpAdapter":
        return HttpAdapter(self.recipe, self._secrets, session)

    @cached_property
    def reads_in_session(self) -> bool:  # type: ignore[override]
        recipe = self.recipe
        texts = (recipe.count_path, recipe.count_body, *(text for _, text in recipe.count_headers))
        named = {name for text in texts for name in Template.parse(text).names}
        yielded = {one.name for step in recipe.steps for one in step.values}
        return recipe.count_in_session or bool(named & yielded)

    def mask(self, text: str) -> str:
        return without_cookies(self._mask.text(text))

    def masked(self, error: SiteError) -> SiteError:
        return self._mask.error(error)

    @cached_property
    def _mask(self) -> Mask:
        found = [*(self._session or NOTHING).secrets, *credentials_of(self.recipe).values()]
        # A short one is no secret, and its dots would stand in every number.
        return Mask([*self._secrets.values(), *(one for one in found if len(one) >= SECRET_LENGTH)])

    def _cookies_for(self, at_second: bool) -> str:
        return (self._session or NOTHING).cookies_for(at_second)

    def _values(self, own: Mapping[str, Value]) -> dict[str, Value]:
        secrets = {f"{templates.SECRET}{name}": Value(text) for name, text in self._secrets.items()}
        return {**(self._session or NOTHING).values, **secrets, **own}


def _part(found: "regex.Match[str]", group: str | int) -> str | None:
    part: str | None = found[group]
    is_of_query = "?" in found.string[: found.start(group)]
    return ids.of_query(part) if part and is_of_query else part


def _path(text: str, values: Mapping[str, Value]) -> str:
    path = Template.parse(text).fill(values, Place.PATH)
    if len(path) > MAX_PATH or path.startswith("//"):
        raise PermanentError(SiteCode.VALUE_NOT_SENDABLE, name="path")
    return path


def _headers(headers: Headers, values: Mapping[str, Value]) -> Headers:
    filled = tuple(
        (name, Template.parse(text).fill(values, Place.HEADER)) for name, text in headers
    )
    for name, text in filled:
        try:
            check_headers({name: text})
        except ValueError:
            raise PermanentError(SiteCode.VALUE_NOT_SENDABLE, name=name) from None
    return filled


def _body(text: str, headers: Headers, values: Mapping[str, Value]) -> bytes:
    return Template.parse(text).fill(values, place_of_body(text, headers)).encode()

"""What a viewer sends, checked, and from where it may come."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant

MAX_BYTES = 64 * 1024
MAX_SUBJECTS = 250
MAX_NAME_LENGTH = 100
# A poll is answered after so long even if nothing changed; proxies cut what is silent.
MAX_WAIT_SECONDS = 25.0
# As django.contrib.sessions makes them.
SESSION_KEY = re.compile("[a-z0-9]{32}")


class NotUnderstoodError(ValueError):
    """What a viewer sent is not in the form that core.live describes."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What to watch from now on. `since` are the numbers that the viewer has, `wait_seconds` how
    long a poll may wait for a change ("wait" in the message)."""

    subjects: frozenset[str]
    since: Mapping[str, int]
    language: str
    wait_seconds: float

    @classmethod
    def parse(cls, text: str | bytes, feed: str) -> Self:
        """`since` counts only where it is about this very `feed`. Raises NotUnderstoodError."""
        is_object = text[:1] in ("{", b"{")  # what else there is, is not read at all
        try:
            sent = json.loads(text) if is_object and len(text) <= MAX_BYTES else None
        except (ValueError, RecursionError) as error:
            raise NotUnderstoodError from error
        if not isinstance(sent, dict):
            raise NotUnderstoodError
        subjects, since, wait = sent.get("watch", []), sent.get("since", {}), sent.get("wait", 0)
        if not (
            isinstance(subjects, list)
            and len(subjects) <= MAX_SUBJECTS
            and all(isinstance(name, str) and len(name) <= MAX_NAME_LENGTH for name in subjects)
            and isinstance(since, dict)
            and isinstance(wait, int | float)
        ):
            raise NotUnderstoodError
        numbers = {name: seq for name, seq in since.items() if isinstance(seq, int)}
        return cls(
            frozenset(subjects),
            numbers if sent.get("feed") == feed else {},
            supported_language(sent.get("language", "")),
            min(max(0.0, wait), MAX_WAIT_SECONDS),
        )


def supported_language(language: object) -> str:
    """The language a page asked for, else the office's own."""
    if not isinstance(language, str) or len(language) > MAX_NAME_LENGTH:
        return settings.LANGUAGE_CODE
    try:
        return get_supported_language_variant(language)
    except LookupError:
        return settings.LANGUAGE_CODE


def is_same_origin(scope: Mapping[str, Any]) -> bool:
    """Browsers always say from which page a socket or a POST comes; it has to be one of ours, under
    the very name that was asked. Without this any page could read with its visitor's cookie.

    Stricter than channels' AllowedHostsOriginValidator, which takes any allowed host and port, and
    for sockets only.
    """
    headers = {name: value for name, value in scope["headers"] if name in (b"host", b"origin")}
    host, origin = (headers.get(name, b"").decode("latin-1") for name in (b"host", b"origin"))
    return is_our_page(origin, host, bool(settings.HTTPS), tuple(settings.ALLOWED_HOSTS))


@lru_cache(maxsize=200)
def is_our_page(page: str, host: str, https: bool, _allowed: tuple[str, ...]) -> bool:
    """Whether a page of this origin is one of the host that was asked, and that is one of ours."""
    try:
        origin = urlsplit(page)
    except ValueError:
        return False
    schemes = {"https"} if https else {"http", "https"}
    if origin.scheme not in schemes or origin.netloc.lower() != host.lower():
        return False
    request = HttpRequest()
    request.META["HTTP_HOST"] = host
    try:
        return bool(request.get_host())
    except DisallowedHost:
        return False


def session_key(scope: Mapping[str, Any]) -> str:
    """ "" where there is none that could be one of Django's. The session itself is the feed's to
    look up."""
    key = scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
    return key if SESSION_KEY.fullmatch(key) else ""

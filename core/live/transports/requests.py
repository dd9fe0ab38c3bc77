"""Checks what a viewer sends, and from which page."""

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
# Longest wait of a poll; proxies cut silent connections.
MAX_WAIT_SECONDS = 25.0
# As django.contrib.sessions makes them.
SESSION_KEY = re.compile("[a-z0-9]{32}")


class NotUnderstoodError(ValueError):
    """What a viewer sent is not in the form that core.live describes."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What to watch from now on. `since`: the numbers that the viewer has; `wait_seconds`: how long
    a poll waits for a change ("wait" in the message)."""

    subjects: frozenset[str]
    since: Mapping[str, int]
    language: str
    wait_seconds: float

    @classmethod
    def parse(cls, text: str | bytes, feed: str) -> Self:
        """`since` counts only for this `feed`. Raises NotUnderstoodError."""
        is_object = text[:1] in ("{", b"{")  # anything else is not read at all
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
    """Whether the page that opens a socket or POST is ours, under the very name that was asked;
    otherwise any page could read with its visitor's cookie. Browsers always send the origin.

    channels' AllowedHostsOriginValidator takes any allowed host and port, and only for sockets.
    """
    headers = {name: value for name, value in scope["headers"] if name in (b"host", b"origin")}
    host, origin = (headers.get(name, b"").decode("latin-1") for name in (b"host", b"origin"))
    return is_our_page(origin, host, bool(settings.HTTPS), tuple(settings.ALLOWED_HOSTS))


@lru_cache(maxsize=200)
def is_our_page(page: str, host: str, https: bool, _allowed: tuple[str, ...]) -> bool:
    """Whether `page` is an origin of the host that was asked, and that host is ours."""
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
    """ "" if none could be Django's. The feed looks up the session itself."""
    key = scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
    return key if SESSION_KEY.fullmatch(key) else ""

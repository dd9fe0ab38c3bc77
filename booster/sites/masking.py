"""Secrets in what people read: in requests, answers and errors each stands as a row of dots,
however a site or a message may have written it."""

import base64
import html
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from booster.exceptions import SiteError

DOTS = "••••••"
_COOKIES = re.compile(r"^((?:set-)?cookie:\s*[^=;\s]+=).*$", re.IGNORECASE | re.MULTILINE)
MANY = 4  # characters of a secret that say something of it


class Mask:
    def __init__(self, secrets: Iterable[str]) -> None:
        written = {form for secret in secrets if secret for form in _forms(secret)}
        # The longest first: one secret may be a part of another.
        self._written = sorted(written, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._written:
            text = text.replace(secret, DOTS)
        return self._without_cut_end(text)

    def _without_cut_end(self, text: str) -> str:
        """Texts are cut, and a cut may go through a secret."""
        for secret in self._written:
            for length in range(min(len(secret) - 1, len(text)), MANY - 1, -1):
                if text.endswith(secret[:length]):
                    return text[:-length] + DOTS
        return text

    def error(self, error: SiteError) -> SiteError:
        """The same object, its parameters without secrets."""
        error.params = self._masked(error.params)
        error.args = (error.code,)
        return error

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self._masked(one) for name, one in value.items()}
        return value


def without_cookies(text: str) -> str:
    """Lines of headers without the values of cookies: they let in whoever has them."""
    return _COOKIES.sub(rf"\1{DOTS}", text)


def _forms(secret: str) -> set[str]:
    """As it may stand in a path, a form, JSON, a page, and where it is encoded alone."""
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        base64.b64encode(secret.encode()).decode(),
        repr(secret)[1:-1],
    }

"""Credentials that stand in a recipe as they are: in headers, and in paths and bodies as values of
parameters such as `password`. They become secrets when the recipe is saved the next time; until
then no page shows them either."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, count
from urllib.parse import unquote_plus

import regex

from booster.sites.recipe import Headers, Recipe, Step
from booster.sites.recipe_fields import CREDENTIAL_HEADERS
from booster.sites.templates import SECRET, Place, Template, place_of_body

# The scheme stays readable: it says what kind of secret is meant.
_SCHEME = regex.compile(r"(?i)(?P<scheme>(?:bearer|basic|token|apikey|key)\s+)?(?P<secret>.+)")
# Also as it stands in a recipe that was kept as JSON.
PARAMETER = regex.compile(
    r"(?i)(?<![a-z])(?P<name>password|passwort|passwd|passphrase|pwd|pass|api[_-]?key|signature"
    r"|(?:access|api|auth)?[_-]?token|token[_-]?auth|(?:client[_-]?|api[_-]?)?secret)"
    r"(?P<equals>=|\\?\"\s*:\s*\\?\")(?P<value>[^&#\"'{}\s\\]{4,})(?=[&#\"'\s\\]|$)"
)


def credentials_of(recipe: Recipe) -> dict[str, str]:
    """By the names of their secrets."""
    return _Moved(recipe, {}).secrets


def without_credentials(
    recipe: Recipe, secrets: Mapping[str, str]
) -> tuple[Recipe, dict[str, str]]:
    """The recipe with {secret:name} in their place, and all secrets that it then has."""
    moved = _Moved(recipe, secrets)
    return moved.recipe, moved.secrets


class _Moved:
    def __init__(self, recipe: Recipe, secrets: Mapping[str, str]) -> None:
        self.secrets = dict(secrets)
        self.recipe = replace(
            recipe,
            count_path=self._path(recipe.count_path),
            count_headers=self._headers(recipe.count_headers),
            count_body=self._body(recipe.count_body, recipe.count_headers),
            play_path=self._path(recipe.play_path),
            play_headers=self._headers(recipe.play_headers),
            play_body=self._body(recipe.play_body, recipe.play_headers),
            steps=tuple(self._step(step) for step in recipe.steps),
        )

    def _step(self, step: Step) -> Step:
        return replace(
            step,
            path=self._path(step.path),
            headers=self._headers(step.headers),
            body=self._body(step.body, step.headers),
        )

    def _path(self, text: str) -> str:
        path, question, query = text.partition("?")
        return path + question + self._parameters(query, Place.PATH)

    def _body(self, text: str, headers: Headers) -> str:
        return self._parameters(text, place_of_body(text, headers))

    def _parameters(self, text: str, place: Place) -> str:
        """What is filled in for a secret is written for its place, as it stood there."""
        is_encoded = place in (Place.PATH, Place.FORM)

        def moved(found: "regex.Match[str]") -> str:
            secret = unquote_plus(found["value"]) if is_encoded else found["value"]
            return found["name"] + found["equals"] + self._secret(found["name"], secret)

        return PARAMETER.sub(moved, text)

    def _headers(self, headers: Headers) -> Headers:
        return tuple((name, self._without(name, text)) for name, text in headers)

    def _without(self, header: str, text: str) -> str:
        found = _SCHEME.fullmatch(text)
        if header.lower() not in CREDENTIAL_HEADERS or not found or Template.parse(text).names:
            return text
        return f"{found['scheme'] or ''}{self._secret(header, found['secret'])}"

    def _secret(self, name: str, secret: str) -> str:
        free = next(one for one in _names(name) if self.secrets.get(one, secret) == secret)
        self.secrets[free] = secret
        return f"{{{SECRET}{free}}}"


def _names(header: str) -> Iterator[str]:
    plain = header.lower().replace("-", "_")
    return chain([plain], (f"{plain}_{number}" for number in count(2)))

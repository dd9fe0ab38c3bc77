"""Credentials that stand in a recipe's headers as they are. They become secrets when the recipe is
saved the next time; until then no page shows them either."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import regex

from booster.sites.recipe import Recipe
from booster.sites.recipe_fields import CREDENTIAL_HEADERS
from booster.sites.templates import SECRET, Template

Headers = tuple[tuple[str, str], ...]

# The scheme stays readable: it says what kind of secret is meant.
_SCHEME = regex.compile(r"(?i)(?P<scheme>(?:bearer|basic|token|apikey|key)\s+)?(?P<secret>.+)")


def credentials_of(recipe: Recipe) -> dict[str, str]:
    """By the names that their secrets would have."""
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
            count_headers=self._headers(recipe.count_headers),
            play_headers=self._headers(recipe.play_headers),
            steps=tuple(
                replace(step, headers=self._headers(step.headers)) for step in recipe.steps
            ),
        )

    def _headers(self, headers: Headers) -> Headers:
        return tuple((name, self._without(name, text)) for name, text in headers)

    def _without(self, header: str, text: str) -> str:
        found = _SCHEME.fullmatch(text)
        if header.lower() not in CREDENTIAL_HEADERS or not found or Template.parse(text).names:
            return text
        name = next(name for name in _names(header) if self._is_free(name, found["secret"]))
        self.secrets[name] = found["secret"]
        return f"{found['scheme'] or ''}{{{SECRET}{name}}}"

    def _is_free(self, name: str, secret: str) -> bool:
        return self.secrets.get(name, secret) == secret


def _names(header: str) -> Iterator[str]:
    plain = header.lower().replace("-", "_")
    yield plain
    number = 2
    while True:
        yield f"{plain}_{number}"
        number += 1

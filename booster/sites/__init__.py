"""The kinds of site we can play on. A new one is one adapter, its test and one line here."""

from collections.abc import Mapping
from typing import Any

from booster.sites.base import PlayRequest, SiteAdapter
from booster.sites.demo import DemoAdapter
from booster.sites.http import HttpAdapter, Recipe, RecipeError
from booster.sites.peertube import PeerTubeAdapter

__all__ = [
    "CHOICES",
    "PlayRequest",
    "Recipe",
    "RecipeError",
    "SiteAdapter",
    "adapter",
    "needs_recipe",
]

_ADAPTERS: dict[str, SiteAdapter] = {kind.slug: kind for kind in (DemoAdapter(), PeerTubeAdapter())}

CHOICES: list[tuple[str, str]] = [
    *((kind.slug, kind.label) for kind in _ADAPTERS.values()),
    (HttpAdapter.slug, HttpAdapter.label),
]


def needs_recipe(slug: str) -> bool:
    """Whether this kind of site is described by a recipe of its own."""
    return slug == HttpAdapter.slug


def adapter(slug: str, recipe: Mapping[str, Any] | None = None) -> SiteAdapter:
    """The adapter registered under this name; KeyError when there is none.

    `recipe`: the fields of a `Recipe`, only for kinds that need one; RecipeError when it is wrong.
    """
    if needs_recipe(slug):
        return HttpAdapter(Recipe.parse(recipe or {}))
    return _ADAPTERS[slug]

"""The kinds of site we can play on. A new one is one adapter, its test and one line here."""

from collections.abc import Mapping
from typing import Any

from booster.exceptions import AddressRefusedError, PermanentError, SiteCode
from booster.net.address import Origin
from booster.sites.base import SiteAdapter
from booster.sites.demo import DemoAdapter
from booster.sites.http import HttpAdapter
from booster.sites.peertube import PeerTubeAdapter
from booster.sites.recipe import Recipe, RecipeError
from booster.sites.recipes import shipped

_ADAPTERS: dict[str, SiteAdapter] = {kind.slug: kind for kind in (DemoAdapter(), PeerTubeAdapter())}

CHOICES: list[tuple[str, str]] = [
    *((kind.slug, kind.label) for kind in _ADAPTERS.values()),
    (HttpAdapter.slug, HttpAdapter.label),
]


def needs_recipe(slug: str) -> bool:
    return slug == HttpAdapter.slug


def play_origin(slug: str, recipe: Mapping[str, Any] | None) -> Origin | None:
    """None: plays go to the site's own address, also if the recipe is wrong. It is asked for each
    site once a second: a whole recipe would take a millisecond."""
    if not needs_recipe(slug) or not recipe or not recipe.get("play_at_second"):
        return None
    try:
        return Origin.parse(str(recipe.get("second_origin", "")))
    except AddressRefusedError:
        return None


def counts_readings(slug: str, known: bool | None) -> bool | None:
    """Whether a reading moves the site's counter: as `known`, else as in all of its kind; None:
    nobody knows."""
    kind = HttpAdapter if needs_recipe(slug) else _ADAPTERS.get(slug)
    return kind.counts_readings if known is None and kind else known


def lag_of(adapter: SiteAdapter, learned: float | None) -> float:
    """Seconds that a counter may take to show a play: by its kind, or longer as `learned`."""
    return max(adapter.settle_seconds, learned or 0.0)


def adapter(
    slug: str,
    recipe: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> SiteAdapter:
    """PermanentError: no such kind (a later release beside this one may have it). `recipe`: the
    fields of a `Recipe`, where the kind needs one; RecipeError when it is wrong. `secrets`: what
    its {secret:name} stand for."""
    if needs_recipe(slug):
        return HttpAdapter(Recipe.parse(recipe or {}), secrets)
    if slug not in _ADAPTERS:
        raise PermanentError(SiteCode.KIND_UNKNOWN, kind=slug)
    return _ADAPTERS[slug]

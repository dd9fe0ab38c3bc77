"""The kinds of site we can play on. A new one is one adapter, its test and one line here."""

from booster.sites.base import PlayRequest, SiteAdapter
from booster.sites.demo import DemoAdapter
from booster.sites.peertube import PeerTubeAdapter

__all__ = ["CHOICES", "PlayRequest", "SiteAdapter", "adapter"]

_ADAPTERS: dict[str, SiteAdapter] = {kind.slug: kind for kind in (DemoAdapter(), PeerTubeAdapter())}

CHOICES: list[tuple[str, str]] = [(kind.slug, kind.label) for kind in _ADAPTERS.values()]


def adapter(slug: str) -> SiteAdapter:
    """The adapter registered under this name; KeyError when there is none."""
    return _ADAPTERS[slug]

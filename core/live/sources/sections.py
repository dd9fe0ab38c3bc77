"""Parts of a page that the server renders again when what they show changed."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import get_language

from core.live.sources.orders import Watched
from core.pages import display

MAX_CACHED = 4000


@dataclass(frozen=True, slots=True)
class Section:
    """`version` changes with the section; None: render it every time."""

    name: str
    template: str
    context: Callable[[Watched], dict[str, Any]]
    version: Callable[[Watched], Hashable] | None = None


def newest_readings(template: str, most: int) -> Section:
    def context(watched: Watched) -> dict[str, Any]:
        newest, shown = watched.readings[: -most - 1 : -1], display.number
        return {"readings": [(when, shown(views), shown(done)) for when, views, done in newest]}

    return Section("readings", template, context, lambda watched: len(watched.readings))


class Sections:
    """The sections of one audience's page, by name, as markup."""

    def __init__(self, *sections: Section) -> None:
        self.sections = sections
        self._cache: dict[Hashable, tuple[Hashable, str]] = {}

    def render(self, watched: Watched) -> dict[str, str]:
        if len(self._cache) > MAX_CACHED:
            self._cache.clear()
        return {section.name: self._render(section, watched) for section in self.sections}

    def _render(self, section: Section, watched: Watched) -> str:
        if section.version is None:
            return render_to_string(section.template, section.context(watched))
        key = (section.name, watched.order.oid, get_language())
        version = section.version(watched)
        cached = self._cache.get(key)
        if cached is None or cached[0] != version:
            cached = (version, render_to_string(section.template, section.context(watched)))
            self._cache[key] = cached
        return cached[1]

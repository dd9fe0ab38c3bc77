"""Which static files there are: every web process looks at each before its first page."""

from collections.abc import Iterable
from typing import Any

from django.contrib.staticfiles.finders import AppDirectoriesFinder

# Pages show FontAwesome's icons by its font; its two thousand pictures are not used.
NOT_SERVED = ["*/fontawesome-free-*/svgs/*"]


class Finder(AppDirectoriesFinder):
    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        return super().list([*(ignore_patterns or ()), *NOT_SERVED])

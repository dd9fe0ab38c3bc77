"""All watched subjects, each rendered once for each language and audience. Only the feed's thread
works here; what it gives to viewers never changes."""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.utils import translation

from core.live.source import Audience, Source, logged
from core.live.viewers import State, Viewer

# Changes kept of each subject, for viewers that come back.
CHANGES_KEPT = 32
# How long a subject is kept after its last viewer left: for polls and returning sockets.
LINGER_SECONDS = 10.0


class RenderedSubject:
    """One subject in one language for one audience. Its numbers begin at `first`; it has no state
    until it is rendered."""

    def __init__(self, name: str, first: int) -> None:
        self.name = name
        self.state: State | None = None
        self.viewers: set[Viewer] = set()
        self.left_at = 0.0
        self._first = first
        self._data: dict[str, Any] = {}

    def update(self, data: dict[str, Any]) -> bool:
        """Take new data; returns whether anything changed."""
        if self.state is None:
            self.state = State(self._first, self._message(self._first, "snapshot", data))
        elif changed := differences(self._data, data):
            seq = self.state.seq + 1
            changes = (*self.state.changes, self._message(seq, "change", changed))
            self.state = State(seq, self._message(seq, "snapshot", data), changes[-CHANGES_KEPT:])
        else:
            return False
        self._data = data
        return True

    def remove(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)
        self.left_at = time.monotonic()

    def _message(self, seq: int, kind: str, data: dict[str, Any]) -> str:
        message = {"subject": self.name, "seq": seq, "kind": kind, "data": data}
        return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Names whose values differ; None for those that are gone."""
    changed = {
        name: value for name, value in after.items() if name not in before or before[name] != value
    }
    return changed | dict.fromkeys(before.keys() - after.keys())


class Subject:
    """`version` belongs to what was rendered last."""

    def __init__(self, name: str, source: Source, key: str) -> None:
        self.name = name
        self.source = source
        self.key = key
        self.version: Any = _NEVER
        self.rendered: dict[tuple[str, Audience], RenderedSubject] = {}


class WatchedSubjects:
    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._subjects: dict[str, Subject] = {}
        self._highest = 0  # highest number used, so that none means two things

    def __len__(self) -> int:
        return len(self._subjects)

    def get(self, name: str, language: str, audience: Audience) -> RenderedSubject:
        """A new subject has no state until the next refresh()."""
        subject = self._subjects.get(name)
        if subject is None:
            prefix, _, key = name.partition(":")
            subject = self._subjects[name] = Subject(name, self._sources[prefix], key)
        rendered = subject.rendered.get((language, audience))
        if rendered is None:
            rendered = RenderedSubject(name, self._highest + 1)
            subject.rendered[language, audience] = rendered
            subject.version = _NEVER
        return rendered

    def refresh(self, names: Collection[str] | None = None) -> Iterator[RenderedSubject]:
        """Ask each source once for all of its subjects, or for these; yield each that changed as
        soon as it is rendered.

        Raises DatabaseError and InterfaceError. Another failure of a source is logged, and it is
        asked again next time.
        """
        by_source: dict[Source, list[Subject]] = defaultdict(list)
        for name in self._subjects if names is None else names:
            subject = self._subjects[name]
            by_source[subject.source].append(subject)
        for source, subjects in by_source.items():
            with logged(source):
                yield from self._refresh_source(source, subjects)

    def _refresh_source(self, source: Source, subjects: list[Subject]) -> Iterator[RenderedSubject]:
        versions = source.versions([subject.key for subject in subjects])
        stale = [
            subject
            for subject in subjects
            if subject.key in versions and versions[subject.key] != subject.version
        ]
        if not stale:
            return
        loaded = source.load([subject.key for subject in stale])
        variants = {variant for subject in stale for variant in subject.rendered}
        for language, audience in sorted(variants):
            for subject in stale:
                rendered = subject.rendered.get((language, audience))
                if rendered is None or subject.key not in loaded:
                    continue
                with translation.override(language):
                    data = source.render(loaded[subject.key], audience)
                if rendered.update(data):
                    assert rendered.state is not None
                    self._highest = max(self._highest, rendered.state.seq)
                    yield rendered
        for subject in stale:
            subject.version = versions[subject.key]

    def forget_unwatched(self) -> None:
        now = time.monotonic()
        sources: set[Source] = set()
        for subject in list(self._subjects.values()):
            for variant, rendered in list(subject.rendered.items()):
                if not rendered.viewers and now - rendered.left_at >= LINGER_SECONDS:
                    del subject.rendered[variant]
            if not subject.rendered:
                del self._subjects[subject.name]
                sources.add(subject.source)
        for source in sources:
            source.retain({one.key for one in self._subjects.values() if one.source is source})


_NEVER = object()

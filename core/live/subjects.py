"""What a subject says, in one language and for one audience, and how it came there.

The feed's thread writes, viewers read in theirs: a State is never changed, only replaced.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.live.viewers import Viewer

# Changes kept of each rendition, for viewers that come back.
CHANGES_KEPT = 32


@dataclass(frozen=True, slots=True)
class State:
    """What a rendition says now, and how it came there; replaced as a whole, so that it can be read
    in another thread. `changes` end with number `seq`."""

    seq: int
    snapshot: str
    changes: tuple[str, ...] = ()

    def since(self, seq: int | None) -> tuple[str, ...]:
        """The messages for somebody who has `seq`."""
        if seq == self.seq:
            return ()
        if seq is not None and 0 < self.seq - seq <= len(self.changes):
            newer = self.changes[seq - self.seq :]
            if sum(map(len, newer)) < len(self.snapshot):
                return newer
        return (self.snapshot,)


class RenderedSubject:
    """One subject in one language for one audience."""

    def __init__(self, subject: str, first: int) -> None:
        self.subject = subject
        self.viewers: set[Viewer] = set()
        self.alone_since = 0.0  # when the last viewer left
        self.data: dict[str, Any] = {}
        self.state: State | None = None
        self._first = first

    def update(self, data: dict[str, Any]) -> bool:
        """Take new data; whether anything changed."""
        if self.state is None:
            self.state = State(self._first, self._message(self._first, "snapshot", data))
        elif changed := differences(self.data, data):
            seq = self.state.seq + 1
            changes = (*self.state.changes, self._message(seq, "change", changed))
            snapshot = self._message(seq, "snapshot", data)
            self.state = State(seq, snapshot, changes[-CHANGES_KEPT:])
        else:
            return False
        self.data = data
        return True

    def _message(self, seq: int, kind: str, data: dict[str, Any]) -> str:
        message = {"subject": self.subject, "seq": seq, "kind": kind, "data": data}
        return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The names whose values differ; None for those that are gone."""
    changed = {
        name: value for name, value in after.items() if name not in before or before[name] != value
    }
    return changed | dict.fromkeys(before.keys() - after.keys())

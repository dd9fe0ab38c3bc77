"""What a subject says, as messages: everything at once, or the changes that led there."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    """Never changed, only replaced: the feed's thread makes it, the viewers' threads read it.
    `changes` end with number `seq`."""

    seq: int
    snapshot: str
    changes: tuple[str, ...] = ()

    def since(self, seq: int | None) -> tuple[str, ...]:
        """The messages for somebody who has `seq`; None: who has nothing."""
        if seq == self.seq:
            return ()
        if seq is not None and 0 < self.seq - seq <= len(self.changes):
            newer = self.changes[seq - self.seq :]
            if sum(map(len, newer)) < len(self.snapshot):
                return newer
        return (self.snapshot,)


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The names whose values differ; None for those that are gone."""
    changed = {
        name: value for name, value in after.items() if name not in before or before[name] != value
    }
    return changed | dict.fromkeys(before.keys() - after.keys())

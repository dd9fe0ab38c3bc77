"""Counting plays: the views of each video, and the site's own record for each play order.

A play counts exactly once: a key that was seen before counts nothing and says so.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from .catalogue import Catalogue, Video
from .keys import SeenKeys

ORDER_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
MAX_KEY = 200
MAX_ORDERS = 500_000

Count = Callable[[Video], bool]  # counts a view, or does not and returns False


class PlayError(ValueError):
    """A play that names its order or its key in a way the site does not accept."""


class Outcome(Enum):
    COUNTED = "counted"
    REPLAYED = "replayed"
    LOST = "lost"  # answered as if counted


@dataclass(slots=True)
class OrderRecord:
    """What reached the site under one order's name."""

    plays: int = 0  # counted
    replays: int = 0  # repeated keys, not counted
    lost: int = 0  # answered with 200 and not counted
    videos: dict[str, int] = field(default_factory=dict)  # counted plays by video


def add_view(video: Video) -> bool:
    video.views += 1
    return True


class PlayBook:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.changes = 0  # goes up with everything worth saving
        self._orders: OrderedDict[bytes, OrderRecord] = OrderedDict()
        self._keys = SeenKeys()

    def play(
        self, video: Video, order: bytes | None, key: bytes | None, count: Count = add_view
    ) -> Outcome:
        """One play of `video`. Raises PlayError, and then nothing has changed."""
        if key is not None and not 0 < len(key) <= MAX_KEY:
            raise PlayError(f"Idempotency-Key must be 1-{MAX_KEY} bytes")
        if order is None:
            record = OrderRecord()  # nobody's
        else:
            record = self._orders.get(order) or self._new_record(order)
        self.changes += 1
        if key is not None and not self._keys.add(key):
            record.replays += 1
            return Outcome.REPLAYED
        if not count(video):
            record.lost += 1
            return Outcome.LOST
        record.plays += 1
        played = record.videos.get(video.id, 0)
        record.videos[video.id] = played + 1
        if order is not None and not played:
            video.recent_orders.appendleft(order.decode("ascii"))
        return Outcome.COUNTED

    def order(self, name: str) -> OrderRecord:
        """An empty record for a name never seen."""
        return self._orders.get(name.encode("utf-8"), OrderRecord())

    def dump(self) -> dict[str, Any]:
        return {
            "videos": self.catalogue.counts(),
            "orders": {name.decode("ascii"): asdict(row) for name, row in self._orders.items()},
            "keys": self._keys.dump(),
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """Take up what `dump` gave. Videos that are no longer in the catalogue are left out."""
        for video_id, views in dumped["videos"].items():
            if video := self.catalogue.get(video_id):
                video.views = int(views)
        for name, row in dumped["orders"].items():
            self._orders[name.encode("ascii")] = OrderRecord(**row)
            for video_id in row["videos"]:
                if video := self.catalogue.get(video_id):
                    video.recent_orders.appendleft(name)
        self._keys.load(dumped["keys"])

    def _new_record(self, order: bytes) -> OrderRecord:
        if not ORDER_NAME.match(order):
            raise PlayError("X-Play-Order must be 1-64 letters, digits, dots, dashes")
        if len(self._orders) >= MAX_ORDERS:
            self._orders.popitem(last=False)
        record = self._orders[order] = OrderRecord()
        return record

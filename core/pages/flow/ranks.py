"""Which node comes before which: steps 1 to 4 of the drawing (see layout.py), without any sizes.

Pure: a table in, rows of places out. Law: every step of the table is a chain, exactly once.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

ORDER_SWEEPS = 12


@dataclass(slots=True, eq=False)
class Place:
    """A box, or a lane, in its rank. `at` is where its middle is, across the way."""

    rank: int
    node: Any = None  # None: a lane
    at: float = 0.0
    usual: bool = False

    @property
    def is_lane(self) -> bool:
        return self.node is None


@dataclass(slots=True, eq=False)
class Chain:
    """The places of one step, from the lower rank to the higher one."""

    start: Any
    end: Any
    back: bool
    places: list[Place]
    usual: bool = False


def arrange(
    steps: tuple[tuple[Hashable, tuple[Hashable, ...]], ...],
) -> tuple[dict[Any, Place], list[Chain], list[list[Place]]]:
    """The boxes by node, the chains, and the rows of boxes and lanes, each in its order."""
    table = _completed(steps)
    back = back_steps(table)
    rank_of = ranks(table, back)
    boxes = {node: Place(rank, node) for node, rank in rank_of.items()}
    chains = [
        _chain(boxes, start, end, (start, end) in back)
        for start, onward in table.items()
        for end in onward
    ]
    for chain in _usual_way(table, chains):
        chain.usual = True
        for place in chain.places:
            place.usual = True
    rows = _rows(boxes, chains)
    _order(rows, links(chains))
    return boxes, chains, rows


def links(chains: list[Chain]) -> list[tuple[Place, Place]]:
    return [link for chain in chains for link in pairwise(chain.places)]


def _completed(
    steps: tuple[tuple[Hashable, tuple[Hashable, ...]], ...],
) -> dict[Hashable, tuple[Hashable, ...]]:
    table: dict[Hashable, tuple[Hashable, ...]] = {}
    for node, onward in steps:
        table[node] = tuple(dict.fromkeys(other for other in onward if other != node))
    for _node, onward in steps:
        for other in onward:
            table.setdefault(other, ())
    return table


def back_steps(table: Mapping[Any, tuple[Any, ...]]) -> set[tuple[Any, Any]]:
    """Steps that lead back to where the way came from: without them nothing goes in circles."""
    found: set[tuple[Any, Any]] = set()
    seen: set[Any] = set()
    above: set[Any] = set()

    def walk(node: Any) -> None:
        seen.add(node)
        above.add(node)
        for other in table[node]:
            if other in above:
                found.add((node, other))
            elif other not in seen:
                walk(other)
        above.remove(node)

    followers = {other for onward in table.values() for other in onward}
    for node in sorted(table, key=lambda node: node in followers):
        if node not in seen:
            walk(node)
    return found


def ranks(table: Mapping[Any, tuple[Any, ...]], back: set[tuple[Any, Any]]) -> dict[Any, int]:
    """The longest way to each node; where nothing follows, the last rank of all."""
    before: dict[Any, list[Any]] = {node: [] for node in table}
    for node, onward in table.items():
        for other in onward:
            if (node, other) not in back:
                before[other].append(node)
    found: dict[Any, int] = {}

    def rank(node: Any) -> int:
        if node not in found:
            found[node] = max((rank(other) + 1 for other in before[node]), default=0)
        return found[node]

    last = max(map(rank, table), default=0)
    return {node: found[node] if onward else last for node, onward in table.items()}


def _chain(boxes: dict[Any, Place], start: Any, end: Any, back: bool) -> Chain:
    low, high = (boxes[end], boxes[start]) if back else (boxes[start], boxes[end])
    lanes = [Place(rank) for rank in range(low.rank + 1, high.rank)]
    return Chain(start, end, back, [low, *lanes, high])


def _usual_way(table: Mapping[Any, tuple[Any, ...]], chains: list[Chain]) -> list[Chain]:
    """From the first node along the first follower each, as long as that leads on."""
    onward = {(chain.start, chain.end): chain for chain in chains if not chain.back}
    way: list[Chain] = []
    node = next(iter(table), None)
    while node is not None and table[node] and (step := onward.get((node, table[node][0]))):
        way.append(step)
        node = step.end
    return way


def _rows(boxes: dict[Any, Place], chains: list[Chain]) -> list[list[Place]]:
    places = [*boxes.values(), *(place for chain in chains for place in chain.places[1:-1])]
    rows: list[list[Place]] = [[] for _ in range(1 + max((p.rank for p in places), default=-1))]
    for place in places:
        rows[place.rank].append(place)
    return rows


def _order(rows: list[list[Place]], links: list[tuple[Place, Place]]) -> None:
    """Sort each rank by the middle of its neighbours, to and fro, and keep what crosses least."""
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(ORDER_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            where = {id(place): number for any_row in rows for number, place in enumerate(any_row)}
            near: dict[int, list[int]] = {}
            for low, high in links:
                here, there = (high, low) if down else (low, high)
                near.setdefault(id(here), []).append(where[id(there)])

            def middle(place: Place, near: Any = near, where: Any = where) -> float:
                others = near.get(id(place))
                return sum(others) / len(others) if others else where[id(place)]

            row.sort(key=middle)
        _swap_neighbours(rows, links)
        crossings = _crossings(rows, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    for row, kept in zip(rows, best, strict=True):
        row[:] = kept


def _swap_neighbours(rows: list[list[Place]], links: list[tuple[Place, Place]]) -> None:
    crossings = _crossings(rows, links)
    for row in rows:
        for left in range(len(row) - 1):
            row[left], row[left + 1] = row[left + 1], row[left]
            swapped = _crossings(rows, links)
            if swapped < crossings:
                crossings = swapped
            else:
                row[left], row[left + 1] = row[left + 1], row[left]


def _crossings(rows: list[list[Place]], links: list[tuple[Place, Place]]) -> int:
    where = {id(place): number for row in rows for number, place in enumerate(row)}
    ends: dict[int, list[tuple[int, int]]] = {}
    for low, high in links:
        ends.setdefault(low.rank, []).append((where[id(low)], where[id(high)]))
    return sum(
        (one[0] - two[0]) * (one[1] - two[1]) < 0
        for row in ends.values()
        for number, one in enumerate(row)
        for two in row[number + 1 :]
    )

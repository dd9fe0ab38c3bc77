"""How a table of steps becomes a drawing: which boxes stand where, which curves join them.

Pure: a table in, numbers out. The table says, for each node, which nodes may follow it, the usual
one first. Law: the drawing holds what the table holds, every step exactly once, and no curve runs
through a box.

The method is Sugiyama's, as in Graphviz' dot. In ranks.py: (1) steps that lead back are found by
depth-first search, (2) ranks are longest paths, and where nothing follows stands last, (3) a step
over several ranks gets a lane in each rank between, (4) ranks are ordered for few crossings. Here:
(5) places follow their neighbours, the usual way straight on, (6) curves run in the gaps between
ranks and straight along lanes. So they cannot meet a box: in a rank every box and every lane has
room of its own, and a Bezier curve stays within the hull of its four points, which is the gap.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from core.pages.flow.ranks import Chain, Place, arrange, links

Table = Mapping[Any, Iterable[Any]]
Point = tuple[float, float]

PLACE_SWEEPS = 24
# How much a straight line is worth: between boxes, into a lane, along a lane (as in dot).
STRAIGHT = (1.0, 2.0, 8.0)
FIXED = 1e9
# Of a box's side, the share that curves may touch.
PORT_SHARE = 0.76
# How far from a box's middle the usual way runs, as a share of its side.
USUAL_SHARE = 0.12


@dataclass(frozen=True, slots=True)
class Sizes:
    """In pixels, along the way and across it. `down`: the way leads down and not to the right."""

    box: Point
    gap: float  # between ranks, for the curves
    lane: float
    space: float  # between the neighbours of a rank
    margin: float = 6
    bow: float = 16
    down: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    node: Any
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Curve:
    """One step. `points`: the start, then three for each Bezier curve that follows."""

    start: Any
    end: Any
    back: bool
    points: tuple[Point, ...]
    label: Point

    @property
    def path(self) -> str:
        first, *others = (f"{x:.1f},{y:.1f}" for x, y in self.points)
        return f"M{first} C{' '.join(others)}"


@dataclass(frozen=True, slots=True)
class Drawing:
    width: float
    height: float
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]


def draw(table: Table, sizes: Sizes) -> Drawing:
    """Lay out a table. Nodes that are named only as followers belong to it, too; a step from a
    node to itself is not drawn. Drawn once, the same table is not computed again."""
    return _draw(tuple((node, tuple(onward)) for node, onward in table.items()), sizes)


@cache
def _draw(steps: tuple[tuple[Hashable, tuple[Hashable, ...]], ...], sizes: Sizes) -> Drawing:
    boxes, chains, rows = arrange(steps)
    _set_places(rows, chains, sizes)
    return _drawing(boxes, chains, sizes)


# --- places


def _set_places(rows: list[list[Place]], chains: list[Chain], sizes: Sizes) -> None:
    """Let every place follow the mean of its neighbours, as far as the others leave it room; the
    usual way stays on one line."""
    near: dict[int, list[tuple[Place, float]]] = {}
    for low, high in links(chains):
        worth = STRAIGHT[low.is_lane + high.is_lane]
        near.setdefault(id(low), []).append((high, worth))
        near.setdefault(id(high), []).append((low, worth))
    for sweep in range(PLACE_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_wanted(place, near.get(id(place), [])) for place in row]
            for place, at in zip(row, _apart(row, wanted, sizes), strict=True):
                place.at = at


def _wanted(place: Place, near: list[tuple[Place, float]]) -> tuple[float, float]:
    """Where a place would be by itself, and how much that counts."""
    if place.usual:
        return 0.0, FIXED
    worth = sum(weight for _other, weight in near)
    if not worth:
        return place.at, 1.0
    return sum(other.at * weight for other, weight in near) / worth, worth


def _apart(row: list[Place], wanted: list[tuple[float, float]], sizes: Sizes) -> list[float]:
    """The least squares that keep the order and the room: pool adjacent violators."""
    offsets = [0.0]
    for one, two in pairwise(row):
        offsets.append(offsets[-1] + _room(one, sizes) + sizes.space + _room(two, sizes))
    pools: list[list[float]] = []  # mean, weight, how many
    for (at, weight), offset in zip(wanted, offsets, strict=True):
        pools.append([at - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, worth, many = pools.pop()
            last = pools[-1]
            last[0] = (last[0] * last[1] + mean * worth) / (last[1] + worth)
            last[1] += worth
            last[2] += many
    means = [mean for mean, _worth, many in pools for _ in range(int(many))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _room(place: Place, sizes: Sizes) -> float:
    return (sizes.lane if place.is_lane else sizes.box[1]) / 2


# --- the drawing


def _drawing(boxes: dict[Any, Place], chains: list[Chain], sizes: Sizes) -> Drawing:
    places = [*boxes.values(), *(place for chain in chains for place in chain.places)]
    if not places:
        return Drawing(0, 0, (), ())
    lowest = min(place.at - _room(place, sizes) for place in places)
    for place in {id(place): place for place in places}.values():
        place.at += sizes.margin - lowest
    across = max(place.at + _room(place, sizes) for place in places) + sizes.margin
    last = max(place.rank for place in places)
    along = _begin(last, sizes) + sizes.box[0] + sizes.margin
    ports = _ports(chains, sizes)
    curves = tuple(
        _curve(chain, ports[number, 0], ports[number, 1], sizes)
        for number, chain in enumerate(chains)
    )
    width, height = (across, along) if sizes.down else (along, across)
    return Drawing(width, height, tuple(_box(place, sizes) for place in boxes.values()), curves)


def _begin(rank: int, sizes: Sizes) -> float:
    return sizes.margin + rank * (sizes.box[0] + sizes.gap)


def _box(place: Place, sizes: Sizes) -> Box:
    along, across = _begin(place.rank, sizes), place.at - sizes.box[1] / 2
    if sizes.down:
        return Box(place.node, across, along, sizes.box[1], sizes.box[0])
    return Box(place.node, along, across, *sizes.box)


def _ports(chains: list[Chain], sizes: Sizes) -> dict[tuple[int, int], float]:
    """Where the curve of chain number n touches the box at its low (0) and its high end (1): side
    by side in the order in which they arrive, so that they do not cross at the box, the usual way
    everywhere at one height, so that it is straight."""
    touching: dict[tuple[int, int], list[tuple[float, bool, int]]] = {}
    box_of: dict[int, Place] = {}
    for number, chain in enumerate(chains):
        for side, box, nearest in ((0, 0, 1), (1, -1, -2)):
            place = chain.places[box]
            box_of[id(place)] = place
            arrives = (chain.places[nearest].at, not chain.back, number)
            touching.setdefault((id(place), side), []).append(arrives)
    step = sizes.box[1] * PORT_SHARE / max(map(len, touching.values()), default=1)
    most = sizes.box[1] * PORT_SHARE / 2
    ports = {}
    for (box_id, side), curves in touching.items():
        numbers = [number for _at, _forward, number in sorted(curves)]
        usual = next((n for n, number in enumerate(numbers) if chains[number].usual), None)
        width = (len(numbers) - 1) * step
        first = -width / 2 if usual is None else -USUAL_SHARE * sizes.box[1] - usual * step
        first = min(max(first, -most), most - width)
        for position, number in enumerate(numbers):
            ports[number, side] = box_of[box_id].at + first + position * step
    return ports


def _curve(chain: Chain, low_port: float, high_port: float, sizes: Sizes) -> Curve:
    """Through the gaps in curves, along the lanes straight; all of it first as along, across."""
    low, *lanes, high = chain.places
    here = (_begin(low.rank, sizes) + sizes.box[0], low_port)
    points = [here]
    for lane in lanes:
        entered = (_begin(lane.rank, sizes), lane.at)
        here = (entered[0] + sizes.box[0], lane.at)
        points += [*_bend(points[-1], entered), *_straight(entered, here)]
    bow = sizes.bow if chain.back and not lanes else 0
    points += _bend(here, (_begin(high.rank, sizes), high_port), bow)
    # Halfway along a Bezier curve, three quarters of its bow are reached.
    label = _between(points[0], points[3], -0.75 * bow)
    if lanes:
        lane = lanes[-1 if chain.back else 0]
        label = (_begin(lane.rank, sizes) + sizes.box[0] / 2, lane.at)
    if chain.back:
        points.reverse()
    turned = [point[::-1] if sizes.down else point for point in (*points, label)]
    return Curve(chain.start, chain.end, chain.back, tuple(turned[:-1]), turned[-1])


def _bend(here: Point, there: Point, bow: float = 0) -> list[Point]:
    """It leaves and arrives along the way, and stays between its ends; beside the step that it
    takes back it goes in a bow."""
    middle = (here[0] + there[0]) / 2
    return [(middle, here[1] - bow), (middle, there[1] - bow), there]


def _straight(here: Point, there: Point) -> list[Point]:
    third = (there[0] - here[0]) / 3
    return [(here[0] + third, here[1]), (there[0] - third, there[1]), there]


def _between(here: Point, there: Point, aside: float) -> Point:
    return (here[0] + there[0]) / 2, (here[1] + there[1]) / 2 + aside

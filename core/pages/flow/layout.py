"""Where the boxes of FLOW stand and how its lines run, placed by hand.

Pure: numbers in, numbers out. Law: everything in FLOW is drawn exactly once, and no line runs
through a box that is not its own. tests/test_flow.py checks both, so a new status or step fails
there until it has its place here. Until then a page draws what is placed, and the list below the
drawing says the rest in words.

Boxes are placed by their middles, lines by the points where they touch their boxes, so that one
plan serves boxes of any size. Lines run straight, or at right angles with rounded corners.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from core.models import Status

# In pixels from left and top; for a line's end: in shares of the box, from its middle.
Point = tuple[float, float]
Step = tuple[Status, Status]

CORNER_RADIUS = 14


@dataclass(frozen=True, slots=True)
class Route:
    """How a line leaves its first box, at `start`, and reaches the other one.

    Without `end` it runs straight. With it, it turns one corner; or, with `bow`, it leaves and
    enters at the same side, and crosses that many pixels from the first box. `label`: where texts
    stand, as a share of the line's length."""

    start: Point
    end: Point | None = None
    bow: float = 0
    label: float = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """For a wide page, or for a narrow one. `middles`: pixels at scale 1."""

    middles: Mapping[Status, Point]
    routes: Mapping[Step, Route]


@dataclass(frozen=True, slots=True)
class Shape:
    """A plan with boxes of one size. `letters`: how many of a title fit into a box. `badge`: the
    corner that no arrow reaches."""

    plan: Plan
    box: Point
    letters: int
    badge: Point
    scale: Point = (1, 1)
    margin: float = 10


@dataclass(frozen=True, slots=True)
class Box:
    node: Status
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    def at(self, share: Point) -> Point:
        x, y = self.middle
        return x + share[0] * self.width, y + share[1] * self.height


@dataclass(frozen=True, slots=True)
class Line:
    """One step. `points`: its start, its corners, its end. `back`: to an earlier status of FLOW."""

    start: Status
    end: Status
    back: bool
    points: tuple[Point, ...]
    label: Point

    @property
    def path(self) -> str:
        """For SVG, with rounded corners."""
        parts = [f"M{_pair(self.points[0])}"]
        for before, corner, after in zip(
            self.points, self.points[1:], self.points[2:], strict=False
        ):
            radius = min(CORNER_RADIUS, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
            first, last = _toward(corner, before, radius), _toward(corner, after, radius)
            parts.append(f"L{_pair(first)} Q{_pair(corner)} {_pair(last)}")
        return " ".join([*parts, f"L{_pair(self.points[-1])}"])


@dataclass(frozen=True, slots=True)
class Layout:
    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def lay_out(flow: Mapping[Status, Iterable[Status]], shape: Shape) -> Layout:
    """The part of `flow` that has a place in the shape's plan."""
    left, top = (min(middle[axis] for middle in shape.plan.middles.values()) for axis in (0, 1))
    boxes = {}
    for status in flow:
        if status in shape.plan.middles:
            x, y = shape.plan.middles[status]
            across = shape.margin + (x - left) * shape.scale[0]
            down = shape.margin + (y - top) * shape.scale[1]
            boxes[status] = Box(status, across, down, *shape.box)
    order = list(flow)
    lines = [
        _line(boxes[start], boxes[end], shape.plan.routes[start, end], order)
        for start, onward in flow.items()
        for end in onward
        if (start, end) in shape.plan.routes and {start, end} <= boxes.keys()
    ]
    width = max(box.x + box.width for box in boxes.values()) + shape.margin
    height = max(box.y + box.height for box in boxes.values()) + shape.margin
    return Layout(math.ceil(width), math.ceil(height), tuple(boxes.values()), tuple(lines))


def _line(start: Box, end: Box, route: Route, order: list[Status]) -> Line:
    points = tuple(_points(start, end, route))
    back = order.index(end.node) < order.index(start.node)
    return Line(start.node, end.node, back, points, _along(points, route.label))


def _points(start: Box, end: Box, route: Route) -> list[Point]:
    first = start.at(route.start)
    sideways = abs(route.start[0]) == 0.5  # it leaves to the left or to the right
    if route.end is None:
        x, y = end.at((-route.start[0], -route.start[1]))
        return [first, (x, first[1]) if sideways else (first[0], y)]
    last = end.at(route.end)
    if not route.bow:
        return [first, (last[0], first[1]) if sideways else (first[0], last[1]), last]
    if sideways:
        x = first[0] + math.copysign(route.bow, route.start[0])
        return [first, (x, first[1]), (x, last[1]), last]
    y = first[1] + math.copysign(route.bow, route.start[1])
    return [first, (first[0], y), (last[0], y), last]


def _along(points: tuple[Point, ...], share: float) -> Point:
    left = share * sum(math.dist(one, two) for one, two in pairwise(points))
    for one, two in pairwise(points):
        length = math.dist(one, two)
        if left <= length:
            return _toward(one, two, left)
        left -= length
    return points[-1]


def _toward(here: Point, there: Point, distance: float) -> Point:
    share = distance / (math.dist(here, there) or 1)
    return here[0] + (there[0] - here[0]) * share, here[1] + (there[1] - here[1]) * share


def _pair(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


# --- the plans: to the right on a wide page, downwards on a phone; final statuses stand last.

AWAITING, PENDING, RUNNING = Status.AWAITING, Status.PENDING, Status.RUNNING
VERIFYING, PAUSED = Status.VERIFYING, Status.PAUSED
COMPLETED, FAILED = Status.COMPLETED, Status.FAILED
PARTIAL, CANCELED = Status.PARTIAL, Status.CANCELED
WIDE_PLAN = Plan(
    middles={
        AWAITING: (51, 62),
        PENDING: (247, 62),
        RUNNING: (465, 62),
        VERIFYING: (657, 62),
        PAUSED: (419, 164),
        COMPLETED: (847, 62),
        FAILED: (847, -6),
        PARTIAL: (847, 150),
        CANCELED: (847, 226),
    },
    routes={
        (AWAITING, PENDING): Route((0.5, 0)),
        (AWAITING, CANCELED): Route((0, 0.5), (-0.5, 0.38), label=0.3),
        (PENDING, RUNNING): Route((0.5, 0)),
        (PENDING, PAUSED): Route((0.34, 0.5), (-0.5, -0.3), label=0.72),
        (PENDING, CANCELED): Route((-0.34, 0.5), (-0.5, 0.13), label=0.32),
        (RUNNING, VERIFYING): Route((0.5, 0)),
        (RUNNING, PAUSED): Route((-0.24, 0.5), label=0.36),
        (RUNNING, PARTIAL): Route((0.38, 0.5), (-0.5, 0), label=0.55),
        (RUNNING, CANCELED): Route((0.19, 0.5), (-0.5, -0.37), label=0.65),
        (RUNNING, FAILED): Route((-0.2, -0.5), (-0.5, 0), label=0.55),
        (VERIFYING, COMPLETED): Route((0.5, 0)),
        (VERIFYING, PARTIAL): Route((0.2, 0.5), (-0.5, -0.3), label=0.65),
        (VERIFYING, RUNNING): Route((-0.2, -0.5), (0.06, -0.5), bow=18),
        (VERIFYING, CANCELED): Route((0, 0.5), (-0.5, -0.25), label=0.7),
        (PAUSED, PENDING): Route((-0.5, 0.3), (0, 0.5), label=0.29),
        (PAUSED, VERIFYING): Route((0.5, -0.44), (-0.3, 0.5), label=0.5),
        (PAUSED, PARTIAL): Route((0.5, 0)),
        (PAUSED, CANCELED): Route((0.1, 0.5), (-0.5, -0.12), label=0.7),
    },
)
NARROW_PLAN = Plan(
    middles={
        AWAITING: (75, 0),
        PENDING: (75, 92),
        RUNNING: (75, 184),
        VERIFYING: (75, 276),
        PAUSED: (196, 158),
        FAILED: (39, 368),
        COMPLETED: (123, 368),
        PARTIAL: (207, 368),
        CANCELED: (291, 368),
    },
    routes={
        (AWAITING, PENDING): Route((0, 0.5)),
        (AWAITING, CANCELED): Route((0.5, 0), (0.38, -0.5), label=0.2),
        (PENDING, RUNNING): Route((0, 0.5)),
        (PENDING, PAUSED): Route((0.5, 0.34), (-0.25, -0.5), label=0.35),
        (PENDING, CANCELED): Route((0.5, -0.34), (0.13, -0.5), label=0.3),
        (RUNNING, VERIFYING): Route((0, 0.5)),
        (RUNNING, PAUSED): Route((0.5, -0.3)),
        (RUNNING, PARTIAL): Route((0.5, 0.38), (0, -0.5), label=0.6),
        (RUNNING, CANCELED): Route((0.5, 0.19), (-0.37, -0.5), label=0.7),
        (RUNNING, FAILED): Route((-0.5, 0), (-0.36, -0.5), label=0.7),
        (VERIFYING, COMPLETED): Route((0.3, 0.5)),
        (VERIFYING, PARTIAL): Route((0.5, 0.1), (-0.3, -0.5), label=0.4),
        (VERIFYING, RUNNING): Route((-0.5, -0.2), (-0.5, 0.33), bow=9),
        (VERIFYING, CANCELED): Route((0.5, 0.36), (-0.25, -0.5), label=0.55),
        (PAUSED, PENDING): Route((0.2, -0.5), (0.5, 0), label=0.15),
        (PAUSED, VERIFYING): Route((-0.2, 0.5), (0.5, -0.2), label=0.4),
        (PAUSED, PARTIAL): Route((0.35, 0.5)),
        (PAUSED, CANCELED): Route((0.5, 0), (-0.12, -0.5), label=0.6),
    },
)
TOP_RIGHT, BOTTOM_LEFT = (0.5, -0.5), (-0.5, 0.5)
# An order's page, and the board with a figure in each box.
WIDE = Shape(WIDE_PLAN, (102, 54), letters=11, badge=TOP_RIGHT)
NARROW = Shape(NARROW_PLAN, (78, 50), letters=11, badge=BOTTOM_LEFT)
WIDE_BOARD = Shape(WIDE_PLAN, (140, 70), letters=15, badge=TOP_RIGHT, scale=(1.22, 1.3))
NARROW_BOARD = Shape(NARROW_PLAN, (78, 78), letters=11, badge=BOTTOM_LEFT, scale=(1, 1.28))

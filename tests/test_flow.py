"""The drawing of FLOW: it holds the whole table, and its lines keep clear of what is not theirs."""

from itertools import combinations, pairwise

import pytest

from core.models import FINAL, FLOW, OPEN, Status
from core.pages.flow import layout
from core.pages.flow.layout import Box, Layout, Line, Point, Shape

SHAPES = {
    "wide": layout.WIDE,
    "narrow": layout.NARROW,
    "wide board": layout.WIDE_BOARD,
    "narrow board": layout.NARROW_BOARD,
}
# Pixels between two boxes, and between a line and a box that is not its own.
APART, CLEAR = 4, 5


@pytest.fixture(params=SHAPES)
def shape(request) -> Shape:
    return SHAPES[request.param]


def unplaced(flow: dict, shape: Shape) -> list[str]:
    """What the table has and the shape's plan lacks."""
    plan = shape.plan
    boxes = [f"{status.name} has no place" for status in flow if status not in plan.middles]
    steps = [(start, end) for start in flow for end in flow[start]]
    return boxes + [
        f"{a.name} → {b.name} has no line" for a, b in steps if (a, b) not in plan.routes
    ]


def is_within(box: Box, point: Point, by: float = 0) -> bool:
    """Whether a point is in a box that was made larger by so many pixels on each side."""
    x, y = point
    across = box.x - by < x < box.x + box.width + by
    return across and box.y - by < y < box.y + box.height + by


def along(line: Line) -> list[Point]:
    """Points on a line, a few pixels apart. Its rounded corners lie inside of what is looked at."""
    return [
        (x + (next_x - x) * share / 200, y + (next_y - y) * share / 200)
        for (x, y), (next_x, next_y) in pairwise(line.points)
        for share in range(201)
    ]


def faults_of(drawn: Layout) -> list[str]:
    """Boxes that overlap, what is outside, and lines where they may not be."""
    found = []
    boxes = {box.node: box for box in drawn.boxes}
    for one, two in combinations(drawn.boxes, 2):
        apart_x = abs(one.middle[0] - two.middle[0]) >= one.width + APART
        if not apart_x and abs(one.middle[1] - two.middle[1]) < one.height + APART:
            found.append(f"{one.node.name} overlaps {two.node.name}")
    picture = Box(None, 0, 0, drawn.width, drawn.height)
    for box in drawn.boxes:
        if not all(is_within(picture, box.at(corner)) for corner in ((-0.5, -0.5), (0.5, 0.5))):
            found.append(f"{box.node.name} is outside")
    for line in drawn.lines:
        name = f"{line.start.name} → {line.end.name}"
        own = {line.start: line.points[0], line.end: line.points[-1]}
        if not all(is_within(picture, point) for point in [*line.points, line.label]):
            found.append(f"{name} is outside")
        for status, box in boxes.items():
            by = -0.1 if status in own else CLEAR
            if any(is_within(box, point, by) for point in along(line)):
                found.append(f"{name} runs through {status.name}")
            if status in own and not is_within(box, own[status], 0.1):
                found.append(f"{name} does not touch {status.name}")
    for one, two in combinations(drawn.lines, 2):
        if any(together(a, b) for a in pairwise(one.points) for b in pairwise(two.points)):
            found.append(f"{one.start.name} → {one.end.name} lies on {two.start.name} → …")
    return found


def together(one: tuple[Point, Point], two: tuple[Point, Point]) -> bool:
    """Whether two stretches run side by side so close that they cannot be told apart."""
    for axis in (0, 1):
        if all(stretch[0][axis] == pytest.approx(stretch[1][axis]) for stretch in (one, two)):
            side_by_side = abs(one[0][axis] - two[0][axis]) < CLEAR
            (a, b), (c, d) = (sorted(point[1 - axis] for point in s) for s in (one, two))
            return side_by_side and max(a, c) < min(b, d)
    return False


def test_every_status_and_every_step_of_the_table_has_its_place(shape):
    missing = unplaced(FLOW, shape)
    assert not missing, f"core/pages/flow/layout.py: {'; '.join(missing)}"
    drawn = layout.lay_out(FLOW, shape)
    assert [box.node for box in drawn.boxes] == list(FLOW)
    steps = [(line.start, line.end) for line in drawn.lines]
    assert steps == [(start, end) for start in FLOW for end in FLOW[start]]


def test_a_plan_places_nothing_that_is_not_in_the_table(shape):
    assert set(shape.plan.middles) == set(FLOW)
    assert set(shape.plan.routes) == {(start, end) for start in FLOW for end in FLOW[start]}


def test_boxes_stand_apart_and_lines_run_clear_of_all_other_boxes(shape):
    assert faults_of(layout.lay_out(FLOW, shape)) == []


def test_a_box_in_the_way_is_found(shape, monkeypatch):
    half_way = layout.lay_out(FLOW, shape).lines[-1].label
    monkeypatch.setitem(shape.plan.middles, Status.FAILED, half_way)
    assert any("FAILED" in fault for fault in faults_of(layout.lay_out(FLOW, shape)))


def test_what_is_final_stands_last_and_the_usual_way_is_one_straight_line(shape):
    drawn = layout.lay_out(FLOW, shape)
    middles = {box.node: box.middle for box in drawn.boxes}
    way = 0 if drawn.width > drawn.height else 1
    assert all(middles[start][way] < middles[end][way] for end in FINAL for start in OPEN)
    usual = [Status.AWAITING, Status.PENDING, Status.RUNNING, Status.VERIFYING, Status.COMPLETED]
    lines = {(line.start, line.end): line for line in drawn.lines}
    for step in pairwise(usual):
        first, last = lines[step].points
        assert first[1 - way] == last[1 - way] and first[way] < last[way]
    back = {step for step, line in lines.items() if line.back}
    assert back == {
        (Status.VERIFYING, Status.RUNNING),
        (Status.PAUSED, Status.PENDING),
        (Status.PAUSED, Status.VERIFYING),
    }


def test_texts_on_lines_stand_clear_of_boxes(shape):
    drawn = layout.lay_out(FLOW, shape)
    for line in drawn.lines:
        assert not any(is_within(box, line.label, 8) for box in drawn.boxes), line


def test_a_status_that_is_added_to_the_table_is_named_until_it_is_placed(shape, monkeypatch):
    monkeypatch.delitem(shape.plan.middles, Status.PAUSED)
    monkeypatch.delitem(shape.plan.routes, (Status.RUNNING, Status.FAILED))
    assert unplaced(FLOW, shape) == ["PAUSED has no place", "RUNNING → FAILED has no line"]
    drawn = layout.lay_out(FLOW, shape)
    assert [box.node for box in drawn.boxes] == [s for s in FLOW if s != Status.PAUSED]
    assert not any(Status.PAUSED in (line.start, line.end) for line in drawn.lines)
    assert len(drawn.lines) == sum(map(len, FLOW.values())) - 7

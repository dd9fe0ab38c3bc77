"""The drawing of a table of steps: what it holds, and what its curves keep clear of."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.models import FLOW, OPEN, Status
from core.pages.flow import layout
from core.pages.flow.ranks import back_steps, ranks
from core.pages.flow.sketch import NARROW, WIDE

SIZES = (WIDE, NARROW)
# Any table of up to seven nodes, circles and loose ends among them.
TABLES = st.integers(1, 7).flatmap(
    lambda count: st.fixed_dictionaries(
        {
            node: st.lists(st.integers(0, count - 1), unique=True, max_size=4).map(
                lambda onward, node=node: tuple(other for other in onward if other != node)
            )
            for node in range(count)
        }
    )
)


def at(four: tuple[layout.Point, ...], share: float) -> layout.Point:
    """Where a Bezier curve of four points is after a share of its way."""
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    return tuple(sum(w * p[axis] for w, p in zip(weights, four, strict=True)) for axis in (0, 1))


def along(curve: layout.Curve) -> list[layout.Point]:
    points = curve.points
    return [
        at(points[first : first + 4], step / 24)
        for first in range(0, len(points) - 1, 3)
        for step in range(25)
    ]


def is_inside(box: layout.Box, point: layout.Point) -> bool:
    x, y = point
    return box.x + 0.5 < x < box.x + box.width - 0.5 and box.y + 0.5 < y < box.y + box.height - 0.5


def touches(box: layout.Box, point: layout.Point) -> bool:
    x, y = point
    within = box.x - 0.5 <= x <= box.x + box.width + 0.5
    return within and box.y - 0.5 <= y <= box.y + box.height + 0.5


def check(table, sizes) -> None:
    drawing = layout.draw(table, sizes)
    boxes = {box.node: box for box in drawing.boxes}
    assert len(drawing.boxes) == len(table)
    steps = [(curve.start, curve.end) for curve in drawing.curves]
    assert sorted(steps) == sorted((node, other) for node in table for other in table[node])
    for one, two in combinations(drawing.boxes, 2):
        apart_x = abs(one.middle[0] - two.middle[0]) >= one.width
        assert apart_x or abs(one.middle[1] - two.middle[1]) >= one.height
    for box in drawing.boxes:
        assert box.x >= 0 and box.y >= 0
        assert box.x + box.width <= drawing.width and box.y + box.height <= drawing.height
    for curve in drawing.curves:
        assert touches(boxes[curve.start], curve.points[0])
        assert touches(boxes[curve.end], curve.points[-1])
        inside = [box.node for box in drawing.boxes for p in along(curve) if is_inside(box, p)]
        assert inside == []


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_every_step_of_any_table_is_drawn_once_and_clear_of_all_boxes(table):
    for sizes in SIZES:
        check(table, sizes)


def test_the_way_of_an_order_is_drawn_whole_with_its_ends_last():
    for sizes in SIZES:
        check(FLOW, sizes)
    drawing = layout.draw(FLOW, WIDE)
    right = {box.node: box.x for box in drawing.boxes}
    assert all(right[start] < right[end] for end in FLOW if end not in OPEN for start in OPEN)
    back = {(curve.start, curve.end) for curve in drawing.curves if curve.back}
    assert back == {(Status.VERIFYING, Status.RUNNING), (Status.PAUSED, Status.PENDING)}
    usual = (Status.AWAITING, Status.PENDING, Status.RUNNING, Status.VERIFYING, Status.COMPLETED)
    assert len({round(box.y, 3) for box in drawing.boxes if box.node in usual}) == 1


def test_a_step_stands_after_the_longest_way_to_it():
    table = {"a": ("b", "d"), "b": ("c",), "c": ("d", "a"), "d": ("e",), "e": ()}
    back = back_steps(table)
    assert back == {("c", "a")}
    assert ranks(table, back) == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4}


def test_a_status_that_is_added_to_the_table_is_drawn():
    changed = {**FLOW, Status.PARTIAL: ("disputed",), "disputed": (Status.RUNNING, "settled")}
    drawing = layout.draw(changed, WIDE)
    assert {"disputed", "settled"} < {box.node for box in drawing.boxes}
    assert any(curve.back and curve.start == "disputed" for curve in drawing.curves)
    names = {node: str(number) for number, node in enumerate([*changed, "settled"])}
    renamed = {names[node]: tuple(names[o] for o in changed.get(node, ())) for node in names}
    for sizes in SIZES:
        check(renamed, sizes)


def test_what_is_drawn_does_not_depend_on_chance():
    layout._draw.cache_clear()
    first = layout.draw(FLOW, WIDE)
    layout._draw.cache_clear()
    assert layout.draw(FLOW, WIDE) == first

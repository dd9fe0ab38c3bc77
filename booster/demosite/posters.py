"""Posters drawn as SVG, the same one each time for a video: a sky with its light, ridges before it.
The page moves their groups (`sky`, `far`, `near`) while the film plays.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

WIDTH, HEIGHT = 640, 360
BEYOND = 40  # so far a ridge goes on over both ends


@dataclass(frozen=True, slots=True)
class Scene:
    """`colours`: sky above, sky below, light, far, near. `ridges`: from the farthest to the
    nearest, how low each begins and by how much it swings. `outline`: "waves", "peaks", "roofs"."""

    colours: tuple[str, str, str, str, str]
    ridges: tuple[tuple[int, int], ...]
    outline: str = "waves"
    stars: int = 0


SCENES = {
    "sea": Scene(
        ("#0f4c5c", "#f6bd60", "#fff1c9", "#2c6e7f", "#0a2f3a"),
        ((230, 20), (262, 5), (296, 7), (334, 10)),
    ),
    "hills": Scene(
        ("#a8d5ba", "#f4f1de", "#fffdf0", "#7fb685", "#2f6b4f"),
        ((150, 30), (196, 27), (242, 24), (288, 21), (334, 18)),
    ),
    "city": Scene(
        ("#1b1b3a", "#693668", "#ffd07a", "#3d2c5e", "#120f26"),
        ((170, 40), (215, 40), (275, 35)),
        outline="roofs",
    ),
    "dunes": Scene(
        ("#f4a259", "#f9dcc4", "#fff6e0", "#d98b4a", "#8c4f2b"),
        ((190, 34), (234, 29), (278, 24), (322, 19)),
    ),
    "peaks": Scene(
        ("#3a5a8c", "#dfe9f3", "#ffffff", "#7f9cc0", "#2b4468"),
        ((160, 70), (225, 65), (310, 30)),
        outline="peaks",
    ),
    "stars": Scene(
        ("#070b24", "#1d3b5c", "#eaf6ff", "#12304a", "#050a18"),
        ((248, 34), (304, 20)),
        stars=90,
    ),
}


@lru_cache(maxsize=256)
def poster(video_id: str, scene: str, label: str) -> str:
    """The poster as an <svg> element. `label` must be safe within an attribute already."""
    dice = Random(video_id)  # noqa: S311  the same picture each time
    drawn = SCENES[scene]
    above, below, light, far, near = drawn.colours
    stars = "".join(
        _circle(dice.randint(0, WIDTH), dice.randint(0, 236), dice.uniform(0.5, 1.7), light, 0.8)
        for _ in range(drawn.stars)
    )
    x, y, radius = dice.randint(120, 520), dice.randint(70, 110), dice.randint(22, 36)
    glow = "".join(
        _circle(x, y, radius * size, light, opacity)
        for size, opacity in ((2.6, 0.12), (1.7, 0.2), (1.0, 1.0))
    )
    last = len(drawn.ridges) - 1
    ridges = [
        _ridge(dice, drawn.outline, low, swing, _mix(far, near, index / last))
        for index, (low, swing) in enumerate(drawn.ridges)
    ]
    sky = f"{video_id}-sky"
    return (
        f'<svg class="poster" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" '
        'preserveAspectRatio="xMidYMid slice">'
        f'<defs><linearGradient id="{sky}" x2="0" y2="1"><stop stop-color="{above}"/>'
        f'<stop offset=".72" stop-color="{below}"/></linearGradient></defs>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#{sky})"/>'
        f'<g class="sky">{stars}{glow}</g><g class="far">{"".join(ridges[:-1])}</g>'
        f'<g class="near">{ridges[-1]}</g></svg>'
    )


def _circle(x: int, y: int, radius: float, colour: str, opacity: float) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{colour}" opacity="{opacity}"/>'


def _ridge(dice: Random, outline: str, low: int, swing: int, colour: str) -> str:
    path = f"M{-BEYOND} {HEIGHT}"
    for x, height in _waves(dice) if outline == "waves" else _corners(dice):
        y = low - height * swing
        path += f"H{x}V{y:.0f}" if outline == "roofs" else f"L{x} {y:.0f}"
    return f'<path d="{path}H{WIDTH + BEYOND}V{HEIGHT}Z" fill="{colour}"/>'


def _waves(dice: Random) -> Iterator[tuple[int, float]]:
    """A smooth line: x, and from -1 to 1 how high it is."""
    phase, second = dice.uniform(0, math.tau), dice.uniform(0, math.tau)
    for x in range(-BEYOND, WIDTH + BEYOND + 1, 20):
        turn = x / WIDTH * math.tau * 1.8
        yield x, math.sin(turn + phase) * 0.65 + math.sin(turn * 2.3 + second) * 0.35


def _corners(dice: Random) -> Iterator[tuple[int, float]]:
    x, side = -BEYOND, 1
    while x < WIDTH + BEYOND:
        yield x, side * dice.uniform(0.2, 1)
        x, side = x + dice.randint(30, 70), -side


def _mix(one: str, other: str, share: float) -> str:
    """The colour `share` of the way from one to the other."""
    pairs = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)

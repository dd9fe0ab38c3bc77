"""Posters drawn as SVG, the same one each time for a video: there are no pictures to load.

Groups carry the classes `sky`, `far`, `near`, which the page moves while the film plays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from random import Random

WIDTH, HEIGHT = 640, 360
HORIZON = 236

Palette = tuple[str, str, str, str, str]  # sky above, sky below, light, far, near

PALETTES: dict[str, tuple[Palette, ...]] = {
    "sea": (
        ("#2b3a67", "#f2a07b", "#ffe3b0", "#4a5a86", "#16233f"),
        ("#0f4c5c", "#f6bd60", "#fff1c9", "#2c6e7f", "#0a2f3a"),
    ),
    "hills": (
        ("#8fa9b8", "#e9edf0", "#ffffff", "#9fb4bd", "#4b6470"),
        ("#a8d5ba", "#f4f1de", "#fffdf0", "#7fb685", "#2f6b4f"),
    ),
    "city": (
        ("#4f6d9a", "#f5c6a5", "#fff4d6", "#7b86a8", "#33405f"),
        ("#1b1b3a", "#693668", "#ffd07a", "#3d2c5e", "#120f26"),
    ),
    "dunes": (
        ("#f4a259", "#f9dcc4", "#fff6e0", "#d98b4a", "#8c4f2b"),
        ("#89a7c2", "#f1e9e1", "#ffffff", "#c9b9a6", "#7f6f63"),
    ),
    "peaks": (
        ("#3a5a8c", "#dfe9f3", "#ffffff", "#7f9cc0", "#2b4468"),
        ("#26486b", "#f3d9dc", "#fff5f0", "#6d8fb3", "#1f3a57"),
    ),
    "stars": (
        ("#070b24", "#1d3b5c", "#eaf6ff", "#12304a", "#050a18"),
        ("#0b132b", "#3a506b", "#f5f9ff", "#1c2541", "#060a17"),
    ),
}


@lru_cache(maxsize=256)
def poster(video_id: str, scene: str, label: str) -> str:
    """The poster as an <svg> element. `label` must be safe within an attribute already."""
    dice = Random(video_id)  # noqa: S311  the same picture each time
    palette = dice.choice(PALETTES[scene])
    above, below, *_ = palette
    sky = f"{video_id}-sky"
    return (
        f'<svg class="poster" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" '
        'preserveAspectRatio="xMidYMid slice">'
        f'<defs><linearGradient id="{sky}" x2="0" y2="1"><stop stop-color="{above}"/>'
        f'<stop offset=".72" stop-color="{below}"/></linearGradient></defs>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#{sky})"/>'
        f"{SCENES[scene](dice, palette)}</svg>"
    )


def _sea(dice: Random, palette: Palette) -> str:
    _, below, light, far, near = palette
    sun = dice.randint(180, 460)
    boat = sun + dice.choice((-1, 1)) * dice.randint(90, 140)
    glints = "".join(
        f'<rect x="{sun - width / 2:.0f}" y="{HORIZON + 6 + row * 13}" width="{width:.0f}" '
        f'height="3" rx="1.5" fill="{light}" opacity="{0.75 - row * 0.08:.2f}"/>'
        for row in range(8)
        for width in (dice.uniform(26, 60) + row * 9,)
    )
    return (
        _group("sky", _light(sun, HORIZON - 34, 30, light))
        + _group("far", _ridge(dice, HORIZON - 6, 20, far))
        + f'<rect y="{HORIZON}" width="{WIDTH}" height="{HEIGHT - HORIZON}" fill="{far}"/>'
        + f'<rect y="{HORIZON}" width="{WIDTH}" height="40" fill="{below}" opacity=".25"/>'
        + glints
        + _group("near", _boat(boat, HORIZON + 34, near))
        + _ridge(dice, HEIGHT - 22, 9, near)
    )


def _hills(dice: Random, palette: Palette) -> str:
    _, _, light, far, near = palette
    ridges = "".join(
        _ridge(dice, 150 + row * 46, 30 - row * 3, _mix(far, near, row / 4)) for row in range(5)
    )
    birds = "".join(
        _bird(dice.randint(90, 550), dice.randint(50, 120), dice.uniform(0.7, 1.4), near)
        for _ in range(5)
    )
    sun = _light(dice.randint(120, 520), 92, 34, light)
    return _group("sky", sun) + _group("near", birds) + _group("far", ridges)


def _city(dice: Random, palette: Palette) -> str:
    _, _, light, far, near = palette
    moon = _light(dice.randint(90, 550), 76, 24, light)
    back = _skyline(dice, 130, 200, _mix(far, near, 0.25), None)
    middle = _skyline(dice, 180, 250, _mix(far, near, 0.6), light)
    front = _skyline(dice, 240, 310, near, light)
    return _group("sky", moon) + _group("far", back + middle) + _group("near", front)


def _dunes(dice: Random, palette: Palette) -> str:
    _, _, light, far, near = palette
    sun = _light(dice.randint(120, 520), 108, 38, light)
    ridges = [
        _ridge(dice, 190 + row * 44, 34 - row * 5, _mix(far, near, row / 3), waves=1.4)
        for row in range(4)
    ]
    return _group("sky", sun) + _group("far", "".join(ridges[:2])) + "".join(ridges[2:])


def _peaks(dice: Random, palette: Palette) -> str:
    _, _, light, far, near = palette
    sun = _light(dice.randint(120, 520), 70, 22, light)
    back = "".join(
        _peak(x, dice.randint(80, 130), 250, _mix(far, near, 0.15), light)
        for x in range(40, WIDTH, 150)
    )
    front = "".join(
        _peak(x, dice.randint(130, 190), 230, _mix(far, near, 0.7), light)
        for x in range(-30, WIDTH + 90, 170)
    )
    return (
        _group("sky", sun)
        + _group("far", back)
        + front
        + _group("near", _ridge(dice, HEIGHT - 44, 12, near))
    )


def _stars(dice: Random, palette: Palette) -> str:
    _, _, light, far, near = palette
    stars = "".join(
        f'<circle cx="{dice.randint(0, WIDTH)}" cy="{dice.randint(0, HORIZON)}" '
        f'r="{dice.uniform(0.5, 1.7):.1f}" fill="{light}" opacity="{dice.uniform(0.4, 1):.2f}"/>'
        for _ in range(90)
    )
    aurora = "".join(
        f'<path d="{_wave(dice, 90 + row * 34, 26, 1.3)}" fill="none" stroke="{colour}" '
        f'stroke-width="{26 - row * 5}" opacity=".22" stroke-linecap="round"/>'
        for row, colour in enumerate(("#5ef2b8", "#7de2d1", "#9b8cff"))
    )
    moon = _light(dice.randint(90, 550), 92, 26, light)
    return (
        _group("sky", stars)
        + _group("far", dice.choice((aurora, moon)))
        + _ridge(dice, HORIZON + 12, 34, far)
        + _group("near", _ridge(dice, HEIGHT - 56, 20, near, waves=2.2))
    )


SCENES: dict[str, Callable[[Random, Palette], str]] = {
    "sea": _sea,
    "hills": _hills,
    "city": _city,
    "dunes": _dunes,
    "peaks": _peaks,
    "stars": _stars,
}


def _group(name: str, content: str) -> str:
    return f'<g class="{name}">{content}</g>'


def _light(x: int, y: int, radius: int, colour: str) -> str:
    """A sun or moon with its glow."""
    rings = ((2.6, 0.12), (1.7, 0.2), (1.0, 1.0))
    return "".join(
        f'<circle cx="{x}" cy="{y}" r="{radius * size:.0f}" fill="{colour}" opacity="{opacity}"/>'
        for size, opacity in rings
    )


def _wave(dice: Random, y: float, swing: float, waves: float) -> str:
    """A smooth line across the picture and a little over both ends."""
    phase, second = dice.uniform(0, math.tau), dice.uniform(0, math.tau)
    points = []
    for x in range(-40, WIDTH + 41, 20):
        turn = x / WIDTH * math.tau * waves
        height = math.sin(turn + phase) * 0.65 + math.sin(turn * 2.3 + second) * 0.35
        points.append(f"{x} {y - height * swing:.1f}")
    return "M" + "L".join(points)


def _ridge(dice: Random, y: float, swing: float, colour: str, waves: float = 1.8) -> str:
    line = _wave(dice, y, swing, waves)
    return f'<path d="{line}L{WIDTH + 40} {HEIGHT}L-40 {HEIGHT}Z" fill="{colour}"/>'


def _boat(x: int, y: int, colour: str) -> str:
    return (
        f'<path d="M{x - 34} {y}h68l-12 16h-44z" fill="{colour}"/>'
        f'<path d="M{x} {y - 4}v-58q26 26 30 58zM{x - 5} {y - 4}v-44q-16 20-22 44z" '
        f'fill="{colour}" opacity=".85"/>'
    )


def _bird(x: int, y: int, size: float, colour: str) -> str:
    wing = 12 * size
    return (
        f'<path d="M{x - wing:.1f} {y}q{wing / 2:.1f} {-wing * 0.7:.1f} {wing:.1f} 0'
        f'q{wing / 2:.1f} {-wing * 0.7:.1f} {wing:.1f} 0" fill="none" stroke="{colour}" '
        'stroke-width="2" stroke-linecap="round"/>'
    )


def _skyline(dice: Random, highest: int, lowest: int, colour: str, window: str | None) -> str:
    parts = []
    x = -30
    while x < WIDTH + 30:
        width = dice.randint(34, 66)
        top = dice.randint(highest, lowest)
        parts.append(
            f'<rect x="{x}" y="{top}" width="{width}" height="{HEIGHT - top}" fill="{colour}"/>'
        )
        if window is not None:
            parts += [
                f'<rect x="{column}" y="{row}" width="5" height="7" fill="{window}" '
                f'opacity="{dice.uniform(0.35, 0.95):.2f}"/>'
                for column in range(x + 7, x + width - 8, 12)
                for row in range(top + 12, HEIGHT - 10, 17)
                if dice.random() < 0.38
            ]
        x += width + dice.choice((0, 0, 4, 10))
    return "".join(parts)


def _peak(x: int, top: int, width: int, colour: str, snow: str) -> str:
    half = width / 2
    cap = (HEIGHT - top) * 0.2
    slope = half * cap / (HEIGHT - top)
    return (
        f'<path d="M{x - half:.0f} {HEIGHT}L{x} {top}L{x + half:.0f} {HEIGHT}Z" fill="{colour}"/>'
        f'<path d="M{x} {top}l{slope:.1f} {cap:.1f}l{-slope * 0.5:.1f} -8l{-slope * 0.5:.1f} 12'
        f'l{-slope * 0.5:.1f} -11l{-slope * 0.5:.1f} 7z" fill="{snow}" opacity=".92"/>'
    )


def _mix(one: str, other: str, share: float) -> str:
    """The colour `share` of the way from one to the other."""
    pairs = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)

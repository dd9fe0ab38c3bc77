"""The videos of the site: a small built-in shelf, or one read from a file."""

import json
import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from .posters import SCENES

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z")
MAX_VIEWS = 1 << 53  # beyond it JavaScript would show another number than we have
RECENT_ORDERS = 8


class CatalogueError(ValueError):
    """A catalogue file that cannot be used; the message says where and why."""


@dataclass(slots=True)
class Video:
    id: str
    title: str
    title_zh: str
    views: int
    scene: str
    recent_orders: deque[str] = field(default_factory=lambda: deque(maxlen=RECENT_ORDERS))


class Catalogue:
    def __init__(self, videos: list[Video]) -> None:
        self.videos = tuple(videos)
        self._by_id = {video.id: video for video in videos}

    def get(self, video_id: str) -> Video | None:
        return self._by_id.get(video_id)

    def counts(self) -> dict[str, int]:
        return {video.id: video.views for video in self.videos}


def read_catalogue(path: Path) -> list[Video]:
    """From a JSON list of {"id", "title"} with optional "title_zh", "views", "scene".
    CatalogueError."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise CatalogueError(f"{path}: not a list of videos")
    videos = [_video(row, f"{path}: video {number}") for number, row in enumerate(rows, 1)]
    if len({video.id for video in videos}) != len(videos):
        raise CatalogueError(f"{path}: two videos have the same id")
    return videos


def _video(row: object, where: str) -> Video:
    if not isinstance(row, dict):
        raise CatalogueError(f"{where}: not an object")
    video_id, title, views = row.get("id"), row.get("title"), row.get("views", 0)
    if not isinstance(video_id, str) or not SLUG.match(video_id):
        raise CatalogueError(f"{where}: the id must be a slug such as harbour-at-dawn")
    if not isinstance(title, str) or not title.strip():
        raise CatalogueError(f"{where}: no title")
    if not isinstance(views, int) or not 0 <= views <= MAX_VIEWS:
        raise CatalogueError(f"{where}: views must be a whole number")
    scene = row.get("scene", list(SCENES)[len(video_id) % len(SCENES)])
    if scene not in SCENES:
        raise CatalogueError(f"{where}: the scene must be one of {', '.join(SCENES)}")
    return Video(video_id, title, str(row.get("title_zh", title)), views, scene)


BUILT_IN: tuple[tuple[str, str, str, int, str], ...] = (
    ("harbour-at-dawn", "Harbour at Dawn", "黎明的港湾", 18_204, "sea"),
    ("night-train-north", "Night Train North", "北上夜车", 9_731, "stars"),
    ("tea-terraces-in-spring", "Tea Terraces in Spring", "春日茶山", 26_480, "hills"),
    ("city-of-lanterns", "City of Lanterns", "灯火之城", 51_962, "city"),
    ("wind-over-the-dunes", "Wind over the Dunes", "大漠风声", 7_315, "dunes"),
    ("first-snow-on-the-pass", "First Snow on the Pass", "山口初雪", 12_058, "peaks"),
    ("the-lighthouse-keeper", "The Lighthouse Keeper", "守灯塔的人", 33_847, "sea"),
    ("cranes-in-the-mist", "Cranes in the Mist", "雾中鹤影", 4_926, "hills"),
    ("rooftops-in-july", "Rooftops in July", "七月的屋顶", 15_390, "city"),
    ("stargazing-for-beginners", "Stargazing for Beginners", "观星入门", 41_173, "stars"),
    ("crossing-the-salt-flats", "Crossing the Salt Flats", "穿越盐湖", 2_684, "dunes"),
    ("a-week-at-the-glacier", "A Week at the Glacier", "冰川一周", 20_519, "peaks"),
)

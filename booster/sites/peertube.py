"""PeerTube (6.1 or later), by its public API. The rules are those of its server:

- `POST /api/v1/videos/{id}/views` answers 204 whether the view counts or not (controllers/api/
  videos/view.ts); 400 if the time is beyond the video's end.
- A session's watch time is what lies between its first and its last call (video-viewer-stats.ts),
  so that one call watches 0 seconds. It counts only where `count_view_after` is 0 seconds
  (video-views.ts: `watchTime >= countViewAfterSeconds`), which the instance's operator sets.
- One view a session and video in `view_expiration`, the session being ours to name only where
  `trust_viewer_session_id` is on; else it is our address.
- Counted views wait in Redis and reach the counter every `local_buffer_update_interval`
  (video-views-buffer-scheduler.ts).
- A view of another instance's video is sent on to that instance, which did not ask us for it:
  such videos are refused (law 4).
"""

import json
import re
import uuid
from typing import ClassVar

from booster.exceptions import AddressRefusedError, SiteCode
from booster.net.call import Call, Response
from booster.net.play import SEQUENCE, PlayRequest
from booster.sites import base

# Base 58 in short-uuid's order: /w/ addresses carry the video's UUID in it.
BASE58 = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"

_VIDEO = re.compile(r"/(?:w|videos/watch|videos/embed)/([0-9A-Za-z-]{1,36})/?(?:[?;].*)?")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_SHORT = re.compile(rf"[{BASE58}]{{22}}")


class PeerTubeAdapter(base.SiteAdapter):
    slug: ClassVar[str] = "peertube"
    label: ClassVar[str] = "PeerTube"
    notes: ClassVar[str] = (
        "The instance's operator sets, in production.yaml: views.videos.count_view_after to "
        "'0 seconds' and views.videos.trust_viewer_session_id to true (otherwise the instance "
        "answers every play and counts none, or one an hour); rates_limit.api high enough for the "
        "plays a second of this site (the usual 50 in 10 seconds allow 5); and lets the reverse "
        "proxy pass them. The counter moves every views.videos.local_buffer_update_interval, "
        "usually 30 minutes; until then an order stays in verification. The instance adds views "
        "without a lock, so give this site few connections. Only videos of the instance itself "
        "can be ordered, not those it follows."
    )
    counted = frozenset({204})
    # A session sent again counts once, but only within view_expiration (an hour, or what the
    # operator set), and two at the same moment may both count: it is looked up, then written. A
    # play whose answer was lost is therefore not sent again; the counter tells.
    idempotent = False
    settle_seconds = 2400.0  # the buffer's 30 minutes, and 10 to spare
    counts_readings: ClassVar[bool | None] = False

    def video_id(self, url_path: str) -> str:
        """The video's UUID, also from a short id: one video has one id, and so one lane."""
        match = _VIDEO.fullmatch(url_path)
        found = None if match is None else complete_uuid(match[1])
        if found is None:
            raise base.not_a_video(url_path, "/w/<id> or /videos/watch/<id>")
        return found

    def count_call(self, video_id: str) -> Call:
        # A video's description may be long; the count stands in the same answer.
        return Call(f"/api/v1/videos/{video_id}", max_bytes=1 << 20, accept=(200, 404))

    def count_of(self, response: Response, video_id: str) -> int:
        if response.status == 404:
            raise base.no_such_video(video_id)
        views = base.view_count(response)
        if response.json().get("isLocal") is not True:
            raise AddressRefusedError(SiteCode.VIDEO_OF_ANOTHER_INSTANCE)
        return views

    def title_of(self, response: Response) -> str:
        return base.json_title(response, "name")

    def play(self, video_id: str, oid: str) -> PlayRequest:
        order = base.check_oid(oid)
        # isAlphanumeric with "-" is all that a session id may hold.
        session = re.sub(r"[^0-9A-Za-z]", "-", order)
        body = {"currentTime": 0, "sessionId": f"{session}-{SEQUENCE}"}
        return PlayRequest(
            method="POST",
            path=f"/api/v1/videos/{video_id}/views",
            headers=(("Content-Type", "application/json"), ("X-Play-Order", order)),
            body=json.dumps(body).encode(),
            counted=self.counted,
            idempotent=self.idempotent,
        )


def complete_uuid(text: str) -> str | None:
    """A UUID as it is, a short one (base 58, 22 characters) made whole, None for anything else."""
    if _UUID.fullmatch(text.lower()):
        return text.lower()
    if not _SHORT.fullmatch(text):
        return None
    number = 0
    for char in text:
        number = number * 58 + BASE58.index(char)
    return str(uuid.UUID(int=number)) if number < 1 << 128 else None

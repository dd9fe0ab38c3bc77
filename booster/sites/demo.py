"""The demo site (booster/demosite): an atomic counter that knows a repeated play by its key."""

import re
from typing import ClassVar

from booster.net.call import Call, Response
from booster.net.play import SEQUENCE, PlayRequest
from booster.sites import base

_VIDEO = re.compile(r"/videos/([A-Za-z0-9_-]{1,64})/?(?:\?.*)?")


class DemoAdapter(base.SiteAdapter):
    slug: ClassVar[str] = "demo"
    label: ClassVar[str] = "Demo video site"
    notes: ClassVar[str] = "Counts every play at once. Nothing needs to be set."
    counted = frozenset({200, 201, 202, 204})
    idempotent = True
    settle_seconds = 3.0
    counts_readings: ClassVar[bool | None] = False

    def video_id(self, url_path: str) -> str:
        match = _VIDEO.fullmatch(url_path)
        if match is None:
            raise base.not_a_video(url_path, "/videos/<id>")
        return match[1]

    def count_call(self, video_id: str) -> Call:
        return Call(f"/api/videos/{video_id}", accept=(200, 404))

    def count_of(self, response: Response, video_id: str) -> int:
        if response.status == 404:
            raise base.no_such_video(video_id)
        return base.view_count(response)

    def title_of(self, response: Response) -> str:
        return base.json_title(response, "title")

    def play(self, video_id: str, oid: str) -> PlayRequest:
        order = base.check_oid(oid)
        return PlayRequest(
            method="POST",
            path=f"/api/videos/{video_id}/plays",
            headers=(("Idempotency-Key", f"{order}:{SEQUENCE}"), ("X-Play-Order", order)),
            body=b"",
            counted=self.counted,
            idempotent=self.idempotent,
        )

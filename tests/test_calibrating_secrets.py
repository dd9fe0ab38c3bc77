"""What a calibration says of a site that answers oddly: nothing of the session it was in."""

import pytest

from booster import sites
from booster.calibrating import StageCalls
from booster.exceptions import SiteCode, SiteError
from booster.proof.calibration import Record, Stage, Step, StepKind
from tests.raw_server import Connection, RawServer, answer
from tests.targets import proved

NONCE = "0f3c9a77d1e24b58"
IN_SESSION = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "steps": [
        {
            "path": "/members",
            "values": [{"name": "nonce", "source": "pattern", "place": '"nonce":"(.+?)"'}],
        }
    ],
    "play_path": "/api/videos/{video_id}/plays",
    "play_headers": {"X-WP-Nonce": "{nonce}"},
}


@pytest.mark.parametrize(
    "step",
    [
        Step(Stage.ONE, StepKind.PLAY, plays=1),
        Step(Stage.FRESH, StepKind.PLAY, plays=1, fresh=True),
        Step(Stage.PARALLEL, StepKind.PLAY, plays=2, fresh=True),
    ],
    ids=lambda step: step.stage,
)
def test_what_a_site_says_back_of_a_session_stands_in_no_error(step):
    def speak(connection: Connection) -> None:
        while request := connection.read_request():
            if not request.startswith(b"GET /members"):
                connection.send(f"you sent {NONCE}\r\n\r\n".encode())
                return
            connection.send(answer(f'{{"nonce":"{NONCE}"}}'.encode()))

    with RawServer(speak) as site:
        adapter = sites.adapter("http", IN_SESSION)
        calls = StageCalls(proved(site.url), adapter, "harbour", "calibration-1", lambda: 0.0)
        with pytest.raises(SiteError) as failed:
            calls.play(step, Record())
        calls.close()
    assert failed.value.code == SiteCode.CONNECTION_FAILED
    assert NONCE not in str(failed.value)

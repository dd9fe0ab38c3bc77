"""Calibrations over the wire: the steps of booster/proof/calibration, done where our token is shown
(law 4), and written down after each (law 1). Plays are written down before they go out, too:
whoever finds some without an end does not send them again.

A step that is due later than in a few seconds is nobody's until then: the row says when.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from booster import retry, sites
from booster.delivery import plan
from booster.exceptions import PermanentError, SiteError, TemporaryError
from booster.net.address import ProvedTarget
from booster.net.client import SiteClient
from booster.net.play import PlayRequest
from booster.ownership import verification
from booster.proof.calibration import (
    Record,
    Stage,
    StagePlay,
    StageReading,
    Step,
    StepKind,
    judge,
    next_step,
    propose,
)
from booster.sites import exact
from booster.sites.base import SiteAdapter
from core.db import clock
from core.models import BalanceTooLargeError, Calibration, LeaseLostError, Order, Pause
from core.models.ledger import MAX_BALANCE
from core.reasons import Code, Reason, ReasonOrText, reason_columns

logger = logging.getLogger(__name__)

# A wait of more than this is left to whoever looks next.
HELD_SECONDS = 5.0
# A site that people hold is looked at again after so many seconds.
PAUSE_SECONDS = 30.0

WakeLater = Callable[[int, float], object]


@dataclass(frozen=True, slots=True)
class Line:
    """A connection, in a session of its own where the site wants one."""

    client: SiteClient
    adapter: SiteAdapter
    play: PlayRequest


@dataclass(slots=True)
class StageCalls:
    """The calls of one calibration. `now`: seconds since it began."""

    target: ProvedTarget
    adapter: SiteAdapter
    video_id: str
    oid: str
    now: Callable[[], float]
    _kept: tuple[Stage, int, Line] | None = None

    def read(self, stage: Stage) -> StageReading:
        """One look at the counter, over a connection of its own. Raises SiteError."""
        began = self.now()
        with SiteClient(self.target) as client:
            views = self.adapter.read_count(client, self.video_id)
        return StageReading(stage, (began + self.now()) / 2, views)

    def play(self, step: Step, record: Record) -> list[StagePlay]:
        """Raises SiteError where it is not known what became of a play."""
        number = len(record.plays) + 1
        connection = max((play.connection for play in record.plays), default=0) + 1
        if step.plays == 1:
            if step.fresh:
                with SiteClient(self.target) as client:
                    line = self._line_of(client)
                    return [self._send(line, step.stage, number, connection)]
            kept_connection, line = self._kept_line(step.stage, connection)
            return [self._send(line, step.stage, number, kept_connection)]
        start = threading.Barrier(step.plays)
        with ExitStack() as opened, ThreadPoolExecutor(step.plays) as pool:
            clients = [opened.enter_context(SiteClient(self.target)) for _ in range(step.plays)]
            lines = [self._line_of(client) for client in clients]

            def send(index: int) -> StagePlay:
                start.wait()
                place = step.stage, number + index, connection + index
                return self._send(lines[index], *place)

            try:
                return list(pool.map(send, range(step.plays)))
            except BaseException:
                start.abort()  # who waits for a thread that did not start
                raise

    def counts_by_order(self, token: str) -> bool | None:
        """Whether the site counts by order (booster/site_side/README.md); None: it was not told."""
        try:
            with SiteClient(self.target) as client:
                about = exact.about_call(token, self.adapter.play_origin)
                return exact.says_by_order(client.fetch(about))
        except TemporaryError:
            return None
        except PermanentError:
            return False

    def close(self) -> None:
        if self._kept is not None:
            self._kept[2].client.close()
            self._kept = None

    def _line_of(self, client: SiteClient) -> Line:
        """Raises SiteError."""
        adapter = self.adapter.prepared(client, self.video_id)
        return Line(client, adapter, adapter.play(self.video_id, self.oid))

    def _kept_line(self, stage: Stage, connection: int) -> tuple[int, Line]:
        """The one connection of a stage, which has the number of its first play's."""
        if self._kept is None or self._kept[0] is not stage:
            self.close()
            client = SiteClient(self.target)
            try:
                line = self._line_of(client)
            except BaseException:
                client.close()
                raise
            self._kept = (stage, connection, line)
        return self._kept[1:]

    def _send(self, line: Line, stage: Stage, number: int, connection: int) -> StagePlay:
        """Raises SiteError, without secrets, those of the session too."""
        began = self.now()
        try:
            # "Not now" is what a calibration looks for.
            play = line.play.numbered(number)
            status = line.client.send(play, is_patient=False).status
        except SiteError as error:
            # A redirect, or an answer too long to read, was an answer; silence may be anything.
            if error.status is None:
                # Played again it would count twice.
                raise PermanentError.of(line.adapter.masked(error)) from None
            status = error.status
        received = status in line.play.counted
        return StagePlay(stage, began, self.now(), status, received, connection)


def run(
    calibration_id: int,
    should_stop: Callable[[], bool] = lambda: False,
    wake_later: WakeLater = lambda calibration_id, seconds: None,
) -> None:
    """Do the steps that are due; nothing where another process has them."""
    calibration = Calibration.claim(calibration_id)
    if calibration is None:
        return
    try:
        Run(calibration, should_stop, wake_later).begin()
    except LeaseLostError:
        logger.warning("calibration %s was taken over", calibration_id)


class Run:
    """The steps of a claimed calibration in this process."""

    def __init__(
        self, calibration: Calibration, should_stop: Callable[[], bool], wake_later: WakeLater
    ) -> None:
        self._calibration = calibration
        self._site = calibration.site
        self._record = Record.from_json(calibration.figures)
        self._should_stop = should_stop
        self._wake_later = wake_later
        passed = (clock.now() - calibration.create_date).total_seconds()
        self._began = time.monotonic() - passed

    def begin(self) -> None:
        calibration, record, site = self._calibration, self._record, self._site
        if calibration.is_asked_to_stop:
            self._end(Calibration.Status.CANCELED)
            return
        if calibration.has_exhausted_attempts:
            self._end(Calibration.Status.FAILED, Reason.of(Code.FAILED_TOO_OFTEN))
            return
        if record.sending:
            reason = Reason.of(Code.CALIBRATION_PLAYS_UNKNOWN, number=record.sending)
            self._end(Calibration.Status.FAILED, reason)
            return
        adapter = sites.adapter(site.adapter, site.recipe, site.secrets)
        calls = None
        try:
            target = verification.proved_target(site, verification.FRESH)
            video_id, oid = calibration.video_id, calibration.oid
            calls = StageCalls(target, adapter, video_id, oid, self._now)
            self._go(calls)
        except SiteError as error:
            reason = Reason.of_error(adapter.masked(error))
            is_spent = retry.CALIBRATING.is_spent(calibration.attempts)
            if isinstance(error, TemporaryError) and not is_spent:
                record.sending = 0  # who fails for now has sent none
                self._ask_again(reason, error.retry_after)
            else:
                self._end(Calibration.Status.FAILED, reason)
        finally:
            if calls is not None:
                calls.close()

    def _now(self) -> float:
        """Seconds since the calibration began."""
        return time.monotonic() - self._began

    def _go(self, calls: StageCalls) -> None:
        calibration, record = self._calibration, self._record
        while True:
            if calibration.is_asked_to_stop:
                self._end(Calibration.Status.CANCELED)
                return
            if Order.objects.open_on(self._site, calibration.video_id).exists():
                self._end(Calibration.Status.FAILED, Reason.of(Code.VIDEO_BUSY))
                return
            step = next_step(record, self._now())
            if step.kind is StepKind.END:
                exact_proof = calls.counts_by_order(self._site.token)
                self._end(Calibration.Status.DONE, exact_proof=exact_proof)
                return
            if self._should_stop():
                calibration.release(next_at=None)
                return
            if step.kind is StepKind.WAIT and step.seconds > HELD_SECONDS:
                self._wait(step.stage, step.seconds)
                return
            if step.kind is StepKind.WAIT:
                time.sleep(step.seconds)
                continue
            if step.kind is StepKind.PLAY and (closed := self._seconds_closed()):
                self._wait(step.stage, closed)
                return
            if step.kind is StepKind.READ:
                record.readings.append(_read(calls, step.stage))
            else:
                record.sending = step.plays
                calibration.record(figures=record.as_json())
                record.plays += calls.play(step, record)
                record.sending = 0
            done = {"stage": step.stage, "figures": record.as_json(), "attempts": 0}
            calibration.record(**done, **reason_columns(""))

    def _wait(self, stage: Stage, seconds: float) -> None:
        due = clock.now() + timedelta(seconds=seconds)
        self._calibration.release(stage=stage, next_at=due, **reason_columns(""))
        self._wake_later(self._calibration.pk, seconds)

    def _ask_again(self, reason: Reason, retry_after: float | None) -> None:
        """The site does not answer for now: the same step comes later."""
        calibration, jitter = self._calibration, random.random()  # noqa: S311
        delay = retry.CALIBRATING.delay(max(1, calibration.attempts), jitter, retry_after)
        due, figures = clock.now() + timedelta(seconds=delay), self._record.as_json()
        calibration.record(lease_until=None, next_at=due, figures=figures, **reason_columns(reason))
        self._wake_later(calibration.pk, delay)

    def _seconds_closed(self) -> float:
        """For how long no play may go to the site: people hold it, or its quiet hours last."""
        if Pause.objects.in_force().of(self._site.pk) is not None:
            return PAUSE_SECONDS
        now = clock.now().timestamp()
        return plan.site_opens_at(self._site, now) - now

    def _end(
        self,
        status: Calibration.Status,
        reason: ReasonOrText = "",
        *,
        exact_proof: bool | None = None,
    ) -> None:
        """With what the figures show. Later where the customer's balance has no room for the price
        of an audit that found nothing out: the page says so."""
        findings = judge(self._record)
        told: dict[str, Any] = {
            "figures": self._record.as_json(),
            "findings": [{"code": str(row.code), "params": row.params} for row in findings],
            "settings": propose(findings),
            **reason_columns(reason),
        }
        try:
            self._calibration.end(status, exact_proof=exact_proof, **told)
        except BalanceTooLargeError:
            due = clock.now() + timedelta(seconds=retry.NO_ROOM_SECONDS)
            reason = Reason.of(Code.REFUND_TOO_LARGE, most=str(MAX_BALANCE))
            told = {"figures": told["figures"], **reason_columns(reason)}
            self._calibration.release(next_at=due, **told)


def _read(calls: StageCalls, stage: Stage) -> StageReading:
    """A reading; one that fails for now is tried again. Raises SiteError."""
    failures = 0
    while True:
        try:
            return calls.read(stage)
        except TemporaryError as error:
            failures += 1
            rule, jitter = retry.CALIBRATION_READING, random.random()  # noqa: S311
            delay = rule.delay(failures, jitter, error.retry_after)
            if rule.is_spent(failures) or delay > HELD_SECONDS:
                raise
            logger.info("a reading of a calibration failed and is tried again: %s", error)
            time.sleep(delay)

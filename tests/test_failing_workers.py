"""A worker whose work fails again and again is told where people look, not in its log alone."""

import pytest

from booster import worker
from booster.delivery import Round
from core.models import Alert, Heartbeat
from core.ops import alerts, doctor
from core.ops.doctor import Level
from core.reports import metrics
from tests.office import wait_for


@pytest.fixture(autouse=True)
def database(office):
    """Threads of a worker need one that others see."""


@pytest.fixture
def working(monkeypatch):
    monkeypatch.setattr(worker, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(worker, "JITTER_SECONDS", 0.1)
    monkeypatch.setattr(worker, "other_sweeps", [])
    monkeypatch.setattr(worker, "TROUBLE_SECONDS", 2.0, raising=False)
    one = worker.Worker(lambda: True)
    one.start()
    wait_for(Heartbeat.objects.alive().exists)
    yield one
    one.stop()


def fail(*args: object) -> None:
    raise KeyError("nobody thought of this")


def failing() -> doctor.Finding:
    return next(finding for finding in doctor.examine() if finding.check == "failing")


def is_told(what: str) -> bool:
    return what in failing().text and "nobody thought of this" in failing().text


def test_a_round_that_fails_again_and_again_is_told_until_one_succeeds(working, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Round, "beat", fail)
        wait_for(lambda: is_told("round"), 10, "a finding")
        assert failing().level == Level.CRITICAL  # there is no other worker
        alerts.watch()
        assert "nobody thought of this" in Alert.objects.get(cause="failing").text
        assert b"booster_workers_failing 1.0" in metrics.exposition()
    wait_for(lambda: failing().level == Level.OK, 10, "the end of it")
    assert "failing" not in dict(alerts.causes())


def test_beside_a_worker_that_fails_another_one_makes_it_no_emergency(working, monkeypatch):
    Heartbeat.objects.beat("elsewhere:1", queue_is_up=True)
    monkeypatch.setattr(Round, "beat", fail)
    wait_for(lambda: is_told("round"), 10, "a finding")
    assert failing().level == Level.WARNING


def test_a_part_of_the_sweep_that_fails_is_told_as_well(working, monkeypatch):
    worker.other_sweeps.append(fail)
    wait_for(lambda: is_told("sweep"), 10, "a finding")
    worker.other_sweeps.remove(fail)
    wait_for(lambda: failing().level == Level.OK, 10, "the end of it")


def test_an_error_of_any_length_is_told_in_one_line(working):
    def fail_at_length() -> None:
        raise ValueError("x" * 5000 + "\nand more")

    worker.other_sweeps.append(fail_at_length)
    wait_for(lambda: "xxx" in failing().text, 10, "a finding")
    assert "\n" not in failing().text

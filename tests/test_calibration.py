"""What a calibration finds out: against the demo site's counters, hours of it at once."""

import pytest

from booster.proof.calibration import (
    GRAVE,
    MAX_PLAYS,
    FindingCode,
    Record,
    Stage,
    StepKind,
    judge,
    next_step,
    propose,
)
from booster.retry import NOT_NOW
from tests.counting_site import CountingSite, Limit
from tests.faulty_demosite.counters import CounterSettings


def found_of(site: CountingSite) -> dict[FindingCode, dict]:
    return {finding.code: finding.params for finding in judge(site.calibrate())}


def counter(**settings) -> CountingSite:
    return CountingSite(CounterSettings.parse(settings), seed=1)


def test_a_plain_counter_is_told_in_under_a_minute_with_31_plays():
    site = counter()
    record = site.calibrate()
    assert [finding.code for finding in judge(record)] == [FindingCode.COUNTS_ALL]
    assert len(record.plays) == 31
    assert site.now < 60


@pytest.mark.parametrize(
    "settings",
    [{"per_address": 1e6}, {"per_address": 1e6, "organic": 0.2}, {"lag": 1e6}, {"batch": 1800}],
)
def test_no_calibration_sends_more_than_60_plays_or_lasts_for_ever(settings):
    site = counter(**settings)
    record = site.calibrate()
    assert next_step(record, site.now).kind is StepKind.END
    assert len(record.plays) <= MAX_PLAYS == 60
    assert site.now < 4 * 3600


def test_a_counter_that_stands_still_is_told():
    assert found_of(counter(lag=1e6)).keys() == {FindingCode.COUNTS_NOTHING}


@pytest.mark.parametrize(
    "late", [{"lag": 20}, {"cached": 60}, {"cached": 300}, {"batch": 600}], ids=str
)
def test_others_views_are_not_taken_for_plays_of_an_address_that_counts_once(late):
    """A count that leaps moves as far by what others do meanwhile as it would by ours."""
    found = found_of(counter(per_address=86_400, organic=0.2, **late))
    assert FindingCode.COUNTS_ALL not in found
    assert GRAVE & found.keys()


@pytest.mark.parametrize(("step", "others"), [(10, 0.0), (100, 1.0), (1000, 1.0)])
def test_a_count_that_is_rounded_is_told(step, others):
    site = CountingSite(CounterSettings.parse({"organic": others}), rounds_to=step, seed=1)
    findings = judge(site.calibrate())
    assert [(row.code, row.params) for row in findings] == [(FindingCode.ROUNDS, {"number": step})]
    assert propose(findings)["resend_percent"] == 0


@pytest.mark.parametrize(("rate", "burst"), [(2, 0), (5, 3), (1, 2), (3, 5)])
def test_a_limit_is_told_within_a_half(rate, burst):
    site = CountingSite(CounterSettings(), limit=Limit(rate, burst), seed=3)
    found = found_of(site)
    assert found.keys() == {FindingCode.COUNTS_ALL, FindingCode.LIMITS}
    assert rate / 1.5 <= found[FindingCode.LIMITS]["rate"] <= rate * 1.5


@pytest.mark.parametrize("status", sorted(NOT_NOW))
def test_a_limit_is_told_whatever_it_calls_itself(status):
    site = CountingSite(CounterSettings(), limit=Limit(2, 0, status), seed=3)
    assert found_of(site).keys() == {FindingCode.COUNTS_ALL, FindingCode.LIMITS}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((401, FindingCode.NEEDS_LOGIN), (403, FindingCode.NEEDS_LOGIN)),
        *((419, FindingCode.NEEDS_LOGIN), (440, FindingCode.NEEDS_LOGIN)),
        *((302, FindingCode.NEEDS_LOGIN), (404, FindingCode.REFUSES)),
    ],
)
def test_a_site_that_says_no_gets_one_play(status, code):
    site = CountingSite(CounterSettings(), status=status)
    record = site.calibrate()
    assert [(row.code, row.params) for row in judge(record)] == [(code, {"status": status})]
    assert len(record.plays) == 1


def test_what_was_stopped_says_what_it_knows():
    site = counter(lag=600)
    record = site.calibrate(stop_at=40)
    assert [finding.code for finding in judge(record)] == [FindingCode.COUNTS_NOTHING]
    assert judge(Record()) == []


def test_a_record_goes_through_the_database_and_on():
    site = counter(lost_update=0.2, organic=0.05)
    whole = site.calibrate()
    kept = Record.from_json(whole.as_json())
    assert [row.code for row in judge(kept)] == [row.code for row in judge(whole)]
    assert kept.stage is Stage.AFTER
    half = Record(whole.readings[:20], whole.plays[:5])
    step = next_step(Record.from_json(half.as_json()), half.end)
    assert step.stage is Stage.TEN


def test_settings_follow_the_findings():
    assert propose(judge(counter(lost_update=0.2).calibrate()))["max_connections"] == 1
    late = propose(judge(counter(lag=20).calibrate()))
    assert 20 <= late["learned_lag"] <= 40
    assert "max_connections" not in late
    assert propose(judge(counter(counts_readings=True).calibrate()))["counts_readings"]
    assert propose(judge(counter(double=True).calibrate()))["resend_percent"] == 0
    limited = CountingSite(CounterSettings(), limit=Limit(5, 3))
    assert 2 <= propose(judge(limited.calibrate()))["max_rate"] <= 7

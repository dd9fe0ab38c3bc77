"""Counters that count wrongly, beside other people's views: what a calibration finds of seeded
ones, in simulated time."""

from tests.counting_site import trial
from tests.faults.trial import size

# The short form has one in four of them.
RUNS = range(200, 400, size(4, 1))


def test_it_is_right_in_95_of_100_and_its_false_alarms_are_at_most_one(row):
    trials = [trial(seed) for seed in RUNS]
    wrong = [run for run in trials if not run.is_right]
    alarms = [run for run in trials if run.false_alarms]
    found = f"right: {len(trials) - len(wrong)} of {len(trials)}, false alarms: {len(alarms)}"
    row("proof", f"{len(trials)} calibrations", None, found)
    assert len(wrong) <= 0.05 * len(trials), wrong
    assert len(alarms) <= 0.01 * len(trials), alarms

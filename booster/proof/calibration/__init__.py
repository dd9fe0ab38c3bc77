"""How does this site count? A few plays by stages, and what its counter made of them.

Pure: `next_step()` says what to do next, `judge()` what was found. Both know only the record, so
that a calibration goes on after a crash where it was. booster/calibrating.py makes the calls.

The model. A view happens, and after some delay it shows. What a reading shows is the sum of our
plays that count, by one of the known ways of counting (`explanations.py`), and of other people's
views, which come at random at a steady rate (Poisson). Each way explains the readings with some
likelihood; the likeliest wins, after a fine for everything out of the ordinary that it supposes, so
that a finding has to be worth about 400 to 1.

Its bounds. Where other people's views outnumber ours while a play takes to show, nobody can tell
them apart: then the finding is that it is unclear. Views that come in clumps look like more
certainty than there is. A window is known between two probes, a lag between two readings.
"""

from booster.proof.calibration.judging import GRAVE, Finding, FindingCode, judge, propose
from booster.proof.calibration.plan import MAX_PLAYS, Step, StepKind, next_step
from booster.proof.calibration.record import Record, Stage, StagePlay, StageReading

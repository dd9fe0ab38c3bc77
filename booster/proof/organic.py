"""How many views others may have made while our plays went out, by how many came while none did.
Pure.

A counter at rest moves by others alone. Their views are taken for a Poisson process of one rate,
widened by what the rests themselves scatter beyond that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

# Of a normal distribution: a bound fails once in 10,000 orders.
SURE = 3.72
CONFIDENCE = "99.99"  # percent, as it is shown


@dataclass(frozen=True, slots=True)
class Rest:
    """The counter moved by `views` in `seconds` without a play of ours on its way; `own`: looks of
    the office meanwhile, with the reading at the end."""

    views: int
    seconds: float
    own: int = 1


def expected(rests: Sequence[Rest], seconds: float) -> float:
    """How many views of others are likely in so many seconds; 0 where nothing is known."""
    known = sum(rest.seconds for rest in rests)
    return sum(rest.views for rest in rests) * seconds / known if known > 0 else 0.0


def most(rests: Sequence[Rest], seconds: float) -> float | None:
    """How many they are at most, at CONFIDENCE; None where nothing is known. Where one rest
    contradicts all together, others came in bursts or at another time: the liveliest counts then.
    """
    known = [rest for rest in rests if rest.seconds > 0]
    if not known:
        return None
    if seconds <= 0:
        return 0.0
    z = SURE * sqrt(scatter(known))
    together = Rest(sum(rest.views for rest in known), sum(rest.seconds for rest in known))
    bounds = [upper_limit(together, seconds, z)]
    for rest in known:
        if lower_limit(rest, seconds) > bounds[0]:
            bounds.append(upper_limit(rest, seconds, z))
    return max(bounds)


def upper_limit(rest: Rest, seconds: float, z: float = SURE) -> float:
    """The prediction limit of a Poisson count from another one (Nelson 1970, Technometrics 12,
    "Confidence intervals for the ratio of two Poisson means and Poisson predictor intervals"): the
    larger x at which (x - r n)^2 = z^2 (n + x) r, with r = seconds / rest.seconds."""
    n, ratio = rest.views, seconds / rest.seconds
    spread = z * ratio / 2 * sqrt(4 * n * (1 + 1 / ratio) + z * z)
    return n * ratio + z * z * ratio / 2 + spread


def lower_limit(rest: Rest, seconds: float, z: float = SURE) -> float:
    """The smaller one of the two."""
    n, ratio = rest.views, seconds / rest.seconds
    spread = z * ratio / 2 * sqrt(4 * n * (1 + 1 / ratio) + z * z)
    return n * ratio + z * z * ratio / 2 - spread


def scatter(rests: Sequence[Rest]) -> float:
    """Variance over mean of the rests' views: 1 for a Poisson process, more where views come in
    bursts. Rests in which less than five were to be expected say nothing of that."""
    total, seconds = sum(rest.views for rest in rests), sum(rest.seconds for rest in rests)
    told = [rest for rest in rests if total * rest.seconds >= 5 * seconds]
    if len(told) < 2:
        return 1.0
    means = [total * rest.seconds / seconds for rest in told]
    squares = sum((rest.views - mean) ** 2 / mean for rest, mean in zip(told, means, strict=True))
    return max(1.0, squares / (len(told) - 1))

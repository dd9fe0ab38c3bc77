"""A site as one round knows it: its row, the address that proved itself, the channel there.

Nothing is sent and no counter is read before the address has shown the site's token, and not for
longer than that is believed (law 4). Orders of one site share its connections and its ceiling;
several rounds share them evenly. Names are looked up and tokens asked for in threads of their own,
so that no beat waits for a site.
"""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import Any, TypeVar

from django.db.models import Count
from django.db.models.functions import Now

from booster import retry, sites
from booster.delivery import learned
from booster.delivery.plan import quiet_seconds, week_columns
from booster.engine import Channel, Learned, Limits
from booster.exceptions import SiteError, TemporaryError
from booster.net.address import Origin, ProvedTarget
from booster.net.client import Turn
from booster.ownership import verification
from core.db.outages import is_gone, is_locked
from core.models import Order, Pause, Site, SiteLook, Status

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How often a site is asked for its token while orders run on it.
ASK_SECONDS = 10.0
# Where a site takes few requests, one in so many asks for its token or reads an order; the token is
# asked for before its proof is too old.
CALL_SHARE, LONGEST_ASK_SECONDS = 40, 20.0
# The site's row, its breaker and how many rounds share it are read anew.
READ_SECONDS = 1.0
# Two attempts in a row that hang still fit into one lease.
ANSWER_SECONDS = 12.0
# For how long, and how often, people who look at a limited site come first.
WAY_SECONDS, WAY_EVERY_SECONDS = 4.0, 20.0
KEEP_SECONDS = 5.0  # of a site without orders
# Plays reserved and not ended, of all orders of a site: what it takes in so many seconds.
AHEAD_SECONDS = 1.0
MEASURE_SECONDS = 0.25
# Sites that are asked at once; most of the time they are waited for.
ASKERS = 32
FIRST_AHEAD, MOST_AHEAD = 10_000, 100_000


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """Of a site as it was then. `target` showed its token; `ping`: it was only to answer."""

    site: Site
    target: ProvedTarget | None
    error: SiteError | None
    ping: bool = False


class Links(dict[int, "SiteLink"]):
    """The sites of a round, by id."""

    def __init__(self, events: SimpleQueue[Any]) -> None:
        super().__init__()
        self._events = events
        self._askers = ThreadPoolExecutor(ASKERS, thread_name_prefix="asker")
        self._read_at = 0.0

    def open(self, ids: set[int]) -> None:
        """Load these sites. What is locked while orders are open may have changed before."""
        for site in Site.objects.select_related("breaker").filter(pk__in=ids):
            if link := self.get(site.pk):
                if week_columns(link.site) != week_columns(site):
                    self._read_at = 0.0  # it may be open by now
                link.run_isolated(SiteLink.update_row, site)
            else:
                self[site.pk] = SiteLink(site, self._events, self._askers)
                self._read_at = 0.0

    def begin_beat(self, now: datetime, used: Iterable["SiteLink"]) -> None:
        """Follow sites that moved. Once a second read their rows, and forget those without use."""
        for link in self.values():
            link.run_isolated(SiteLink.move)
            link.measure()
        moment = time.monotonic()
        if moment < self._read_at or not self:
            return
        self._read_at = moment + READ_SECONDS
        for link in used:
            link.used_at = moment
        for pk, link in list(self.items()):
            if moment - link.used_at > KEEP_SECONDS and not link.outstanding:
                link.close()
                del self[pk]
        few = [pk for pk, link in self.items() if link.is_limited]
        for pk in SiteLook.objects.under_way(few) if few else ():
            self[pk].make_way(moment)
        pauses = Pause.objects.in_force()
        running = Order.objects.filter(site__in=self, status=Status.RUNNING, lease_until__gt=Now())
        counted = running.order_by().values("site").annotate(rounds=Count("holder", distinct=True))
        rounds = dict(counted.values_list("site", "rounds"))
        for site in Site.objects.select_related("breaker").filter(pk__in=self):
            is_paused = pauses.of(site.pk) is not None
            link, found = self[site.pk], (site, rounds.get(site.pk, 1), now, is_paused)
            link.run_isolated(SiteLink.update_state, *found)
            if link.channel is not None:
                link.channel.check()  # without the wire no round goes on

    def close(self) -> None:
        for link in self.values():
            link.close()
        self._askers.shutdown(wait=False)


class SiteLink:
    """One site. Its row is at most READ_SECONDS old."""

    def __init__(self, site: Site, events: SimpleQueue[Any], askers: ThreadPoolExecutor) -> None:
        self.site = site
        self.rounds = 1  # that send to the site now
        self.channel: Channel | None = None
        self.is_asking = False
        self.is_pinging = False
        self.used_at = time.monotonic()
        # Why it could not be proved when it was asked last.
        self.proof_error: SiteError | None = None
        self.outstanding = 0  # plays handed to the channel and not ended, of all its orders
        self.is_held_back = False  # nothing may be sent
        # Seconds to the end of quiet hours; 0 while people hold it back, who may end that any time.
        self.resumes_in = 0.0
        self.week_number = 0  # grows as its week is changed: plans of before are of no use
        self._ahead = FIRST_AHEAD
        self._ended, self._measured = 0, time.monotonic()
        self._moves_to: ProvedTarget | None = None  # the site proved itself at another address
        self._target: ProvedTarget | None = None
        self._plays_at: Origin | None = None  # as the channel knows it
        self._last_asked = float("-inf")
        self._last_proved = float("-inf")
        self._last_made_way = float("-inf")
        self._events = events
        self._askers = askers

    def run_isolated(self, step: Callable[..., T], *args: Any) -> T | None:
        """A site at which we fail harms no other: its orders are given back."""
        try:
            return step(self, *args)
        except Exception as error:
            if is_gone(error):
                raise
            if is_locked(error):
                logger.warning("site %s: somebody keeps its row locked", self.site)
                self._last_asked = time.monotonic()
                return None
            logger.exception("site %s: the round failed at it", self.site)
            self.is_held_back, self.resumes_in = True, retry.OWN_FAILURE_SECONDS
            return None

    @property
    def is_proved(self) -> bool:
        """Whether plays may go to the channel now."""
        is_young = time.monotonic() - self._last_proved < retry.BELIEVED_SECONDS
        return self.channel is not None and is_young and self._moves_to is None

    def ask_again(self) -> None:
        """Ask for the token where it is time."""
        if not self.is_asking and time.monotonic() - self._last_asked >= self._ask_seconds:
            self.is_asking = True
            turn: Turn = nullcontext if self.channel is None else self.channel.turn
            self._askers.submit(self._ask, verification.prove, self.site, self._target, turn)

    def move(self) -> None:
        """To the new address, as soon as nothing is on the way to the former one."""
        if self._moves_to is None or self.outstanding:
            return
        if verification.still_proves(self.site, self._moves_to):
            self._connect(self._moves_to)
        else:
            self._moves_to, self._last_proved, self._last_asked = None, float("-inf"), float("-inf")

    def ping(self) -> None:
        if not self.is_pinging:
            self.is_pinging = True
            self._askers.submit(self._ask, verification.ping, self.site, self._target)

    def handle_answer(self, answer: TokenAnswer) -> bool:
        """Write down what came of asking, and send to the address that showed the token. Returns
        False where another address stands in the site's row by now: the answer says nothing."""
        if answer.ping:
            self.is_pinging = False
        else:
            self.is_asking = False
        if verification.proof_key(answer.site) != verification.proof_key(self.site):
            return False
        if not answer.ping:
            self._note_token(answer)
        return True

    def _note_token(self, answer: TokenAnswer) -> None:
        self.proof_error = answer.error
        # A busy site may not answer in time, and we ourselves may fail: soon again.
        self._last_asked = (
            time.monotonic() - self._ask_seconds + retry.TOKEN_AGAIN_SHARE * ASK_SECONDS
        )
        verification.record(self.site, answer.target.method if answer.target else "", answer.error)
        if answer.error is None and answer.target is not None:
            self._last_asked = self._last_proved = time.monotonic()
            if answer.target != self._target:
                # What is on its way to the former address ends before anything goes to the new one.
                self._moves_to = answer.target
                self.move()
        elif not isinstance(answer.error, TemporaryError):
            # Whatever was proved before counts no more.
            self._last_proved = self._last_asked = float("-inf")

    def update_state(self, site: Site, rounds: int, now: datetime, is_paused: bool) -> None:
        """What the database says by now. `rounds`: so many send there."""
        self.rounds = max(1, rounds)
        self.update_row(site)
        quiet = quiet_seconds(site, now.timestamp())
        self.is_held_back = is_paused or quiet > 0
        self.resumes_in = 0.0 if is_paused else quiet
        self.apply_limits()

    def update_row(self, site: Site) -> None:
        # People had the office forget what it learned of the site.
        is_forgotten = self.site.learned_at is not None and site.learned_at is None
        self.week_number += week_columns(self.site) != week_columns(site)
        self.site = site
        if self._target is not None and not verification.still_proves(site, self._target):
            self._last_proved = self._last_asked = float("-inf")
        elif self._moves_to is None and (
            is_forgotten or sites.play_origin(site.adapter, site.recipe) != self._plays_at
        ):
            # What is on its way ends; then a channel that knows nothing finds out anew.
            self._moves_to = self._target
        elif self._moves_to is None and self.channel is not None:
            learned.keep_pace(site, self.channel.learned, self.rounds)

    @property
    def is_limited(self) -> bool:
        """Whether it was found to take only so much."""
        return self.channel is not None and self._share_of_learned() != Learned()

    def make_way(self, now: float) -> None:
        """For people who ask the site for a video. `now`: time.monotonic()."""
        if self.channel is not None and now - self._last_made_way >= WAY_EVERY_SECONDS:
            self._last_made_way = now
            self.channel.make_way(WAY_SECONDS)

    def apply_limits(self) -> None:
        if self.channel is not None:
            limits = self._limits()
            self.channel.change(connections=limits.connections, rate=limits.rate)

    def count_ended(self, plays: int) -> None:
        self.outstanding -= plays
        self._ended += plays

    def measure(self) -> None:
        """Find out how many plays the site takes now."""
        now = time.monotonic()
        if now - self._measured < MEASURE_SECONDS:
            return
        if self._ended:
            speed = self._ended / (now - self._measured)
            self._ahead = int(min(2 * speed * AHEAD_SECONDS, MOST_AHEAD))
        self._ended, self._measured = 0, now

    @property
    def plays_ahead(self) -> int:
        """How many plays of all orders to have reserved: what it takes in AHEAD_SECONDS."""
        limits = self._limits()
        rate = min(limits.rate or MOST_AHEAD, self._share_of_learned().rate or MOST_AHEAD)
        most = max(limits.connections, int(rate * AHEAD_SECONDS))
        return min(most, max(self._ahead, 2 * limits.connections))

    @property
    def seconds_between_calls(self) -> float:
        """At least; 0 where the site was not found to be limited."""
        rate = self._share_of_learned().rate
        return CALL_SHARE / rate if rate else 0.0

    @property
    def _ask_seconds(self) -> float:
        return min(max(ASK_SECONDS, self.seconds_between_calls), LONGEST_ASK_SECONDS)

    @property
    def is_narrow(self) -> bool:
        """Whether plays go one at a time: some counters lose those that come together."""
        return 1 in (self._limits().connections, self.site.learned_connections)

    def _share_of_learned(self) -> Learned:
        rate, connections = self.site.learned_rate, self.site.learned_connections
        return Learned(
            rate and rate / self.rounds, connections and max(1, connections // self.rounds)
        )

    def _connect(self, target: ProvedTarget) -> None:
        self.close()
        self._target, self._moves_to = target, None
        self._plays_at = sites.play_origin(self.site.adapter, self.site.recipe)
        self.channel = Channel(
            target,
            self._limits(),
            self._events,
            learned=self._share_of_learned(),
            plays_at=self._plays_at,
        )

    def close(self) -> None:
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    def _limits(self) -> Limits:
        """The site's ceilings, shared evenly by the rounds that send there, on all hosts."""
        most = min(
            self.site.max_connections, self.site.counted_connections or self.site.max_connections
        )
        return Limits(
            connections=max(1, most // self.rounds),
            rate=max(1.0, self.site.max_rate / self.rounds),
            answer_timeout=ANSWER_SECONDS,
        )

    # In a thread of its own: the network only, no row.

    def _ask(self, ask: Callable[..., ProvedTarget | None], site: Site, *known: Any) -> None:
        error = target = None
        try:
            target = ask(site, *known)
        except SiteError as found:
            error = found
        except Exception as mistake:
            self._events.put(mistake)
            return
        self._events.put(TokenAnswer(site, target, error, ping=ask is verification.ping))

"""Does this site still say it is ours (law 4)? Every look is written down as a SiteCheck.

An address shows the token, and what is sent next goes to that one: a new look-up of the name is a
new proof. No call is made while rows are locked.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext, suppress
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import F, Q, QuerySet

from booster import retry, sites
from booster.exceptions import (
    AddressRefusedError,
    OwnershipError,
    PermanentError,
    SiteError,
    TemporaryError,
)
from booster.net.address import Origin, ProvedTarget, Target, resolve_all
from booster.net.client import SiteClient, Turn
from booster.ownership import tokens
from booster.ownership.own_addresses import is_own
from booster.sites.base import Seen
from core.db import clock
from core.db.outages import is_gone
from core.models import Order, Site, SiteCheck, User
from core.reasons import Reason, reason_columns

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A proof so young answers a quote; what is sent there asks again, but does not record it once more.
FRESH = timedelta(seconds=30)
# Sites that are asked at the same time.
AT_ONCE = 100
# By one sweep: it ends before its worker counts as silent, even where no site answers.
MOST_DUE = 50


def resolve(origin: Origin, authority: str = "") -> list[Target]:
    """Where it leads now. Raises AddressRefusedError, and TemporaryError if nobody can say."""
    allowed = settings.PRIVATE_SITES
    return resolve_all(origin, allowed=allowed, is_own=is_own, authority=authority)


def prove(site: Site, known: ProvedTarget | None = None, turn: Turn = nullcontext) -> ProvedTarget:
    """Ask the site for its token, at its second origin too: at the address that showed it before,
    else where the name leads now. Returns what showed it. The network only, from any thread.
    `turn`: what each question waits for.

    Raises OwnershipError when one of them does not show it or may not be asked, TemporaryError when
    it cannot be reached."""
    try:
        target = _prove_origin(site, Origin.parse(site.origin), known, turn)
        if site.second_origin:
            second = known.second if known else None
            origin = Origin.parse(site.second_origin)
            target = target.with_second(_prove_origin(site, origin, second, turn))
        return target
    except PermanentError as error:
        raise OwnershipError.of(error) from error


def still_proves(site: Site, target: ProvedTarget) -> bool:
    """Whether it was proved for what the site's row says by now."""
    try:
        second = Origin.parse(site.second_origin) if site.second_origin else None
        of_row = (Origin.parse(site.origin), second, site.ca_certificate)
    except AddressRefusedError:
        return False
    shown_at = target.second.origin if target.second else None
    return (target.origin, shown_at, target.authority) == of_row


def proof_key(site: Site) -> tuple[str, str, str]:
    """Where it is asked for its token, and by whose certificates that place is known."""
    return site.origin, site.second_origin, site.ca_certificate


def _prove_origin(
    site: Site, origin: Origin, known: ProvedTarget | None, turn: Turn
) -> ProvedTarget:
    if known is None or (known.origin, known.authority) != (origin, site.ca_certificate):
        return _prove_first(site, resolve(origin, site.ca_certificate), turn)
    try:
        return _prove_at(site, known, turn)
    except SiteError as error:
        targets = resolve(origin, site.ca_certificate)
        addresses = [target.address for target in targets]
        if known.address in addresses and error.status in retry.NOT_NOW:
            raise
        return _prove_first(site, targets, turn)


def _prove_first(site: Site, targets: list[Target], turn: Turn) -> ProvedTarget:
    return _ask_first(targets, lambda target: _prove_at(site, target, turn))


def _ask_first(targets: list[Target], ask: Callable[[Target], T]) -> T:
    """The first of a name's addresses that answers: where one is dead, the site is not."""
    for target in targets[:-1]:
        try:
            return ask(target)
        except TemporaryError as error:
            if error.status is not None:
                raise
    return ask(targets[-1])


def _prove_at(site: Site, target: Target, turn: Turn) -> ProvedTarget:
    with SiteClient(target, turn=turn) as client:
        return tokens.prove(client, site.token)


def record(
    site: Site, method: str, error: SiteError | None, actor: User | None = None
) -> SiteCheck:
    """Write down what came of asking; a limit of this host says nothing and is only returned."""
    if error is None:
        return site.record_check(SiteCheck.Outcome.PROVED, method=method, actor=actor)
    unreachable = isinstance(error, TemporaryError)
    outcome = SiteCheck.Outcome.UNREACHABLE if unreachable else SiteCheck.Outcome.LOST
    if error.is_own_limit:
        logger.warning("site %s was not asked for its token: %s", site, Reason.of_error(error))
        return SiteCheck(site=site, outcome=outcome, **reason_columns(Reason.of_error(error)))
    return site.record_check(outcome, reason=Reason.of_error(error), actor=actor)


def verify(
    site: Site, actor: User | None = None, answer: Callable[[], ProvedTarget] | None = None
) -> SiteCheck:
    """Look for the token and record the result; raises nothing of the site's. `answer` returns or
    raises what came of asking before."""
    try:
        target = answer() if answer else prove(site)
    except SiteError as error:
        return record(site, "", error, actor)
    return record(site, target.method, None, actor)


def prove_all(found: Collection[Site]) -> Iterator[tuple[Site, Callable[[], ProvedTarget]]]:
    """Ask all at once. Yields each as soon as it has answered, with its answer for `verify()`."""
    with ThreadPoolExecutor(min(max(1, len(found)), AT_ONCE)) as threads:
        looks = {threads.submit(prove, site): site for site in found}
        for looked in as_completed(looks):
            yield looks[looked], looked.result


def verify_due(waiting: QuerySet[Order]) -> Iterator[Site]:
    """Look for the token of sites that these orders wait for, and of those that did not answer last
    or were never asked: nothing is sold there meanwhile. Yields those that show it."""
    held = Q(pk__in=waiting.values("site"))
    silent = Q(active=True, unreachable_at__isnull=False)
    new = Q(active=True, verified=False, checked_at__isnull=True)
    late = (held | silent) & Q(checked_at__lt=clock.now() - retry.TOKEN_INTERVAL)
    due = Site.objects.filter(late | new).order_by(F("checked_at").asc(nulls_first=True))
    for site, answer in prove_all(due[:MOST_DUE]):
        try:
            verify(site, answer=answer)
        except Exception as error:
            if is_gone(error):
                raise
            logger.exception("site %s: it could not be asked", site)  # others are
            continue
        if site.verified:
            yield site


def proved_target(site: Site, record_after: timedelta = timedelta(0)) -> ProvedTarget:
    """The address that shows the site's token now, for what is sent there next. A success is
    recorded only `record_after` the last one.

    Raises OwnershipError when it does not show it, TemporaryError when it cannot be reached."""
    try:
        target = prove(site)
    except SiteError as error:
        record(site, "", error)
        raise
    if not was_proved_within(site, record_after):
        record(site, target.method, None)
    return target


def was_proved_within(site: Site, max_age: timedelta) -> bool:
    now = clock.now()
    return bool(site.verified and site.verified_at and now - max_age <= site.verified_at <= now)


def confirm_all(found: Collection[Site], max_age: timedelta) -> dict[int, SiteError]:
    """Ask those that did not show our token within `max_age`, all at once. Returns by id why some
    do not. Where something is sent next, take `proved_target()`: a proof is of an address."""
    failed = {}
    old = [site for site in found if not was_proved_within(site, max_age)]
    for site, answer in prove_all(old):
        try:
            target = answer()
        except SiteError as error:
            failed[site.pk] = error
            record(site, "", error)
        else:
            record(site, target.method, None)
    return failed


def ping(site: Site, known: ProvedTarget | None = None) -> None:
    """Ask for the token at both origins. Raises TemporaryError where one does not answer."""
    found: list[Target | None] = [known, known.second if known else None]
    origins = [site.origin, site.second_origin]

    def ask(target: Target) -> None:
        with suppress(PermanentError), SiteClient(target) as client:
            client.ask_for_token(tokens.file_path(site.token))

    for address, target in zip(origins, found, strict=True):
        if address:
            at = [target] if target else resolve(Origin.parse(address), site.ca_certificate)
            _ask_first(at, ask)


def views_of(site: Site, video_id: str) -> int:
    """The counter of one video, read now where the site shows its token. Raises SiteError."""
    return read_video(site, proved_target(site, FRESH), video_id).views


def read_video(site: Site, target: ProvedTarget, video_id: str) -> Seen:
    """The counter of one video, and what the site calls it. Raises SiteError."""
    with SiteClient(target) as client:
        return sites.adapter(site.adapter, site.recipe, site.secrets).read_video(client, video_id)

"""How often somebody tried to log in, counted before the password is looked at, in the database
that all processes share: guesses in flight count as much as those that failed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

NAME_LENGTH = 254
# Who logged in from an address is not locked out there by what others guess elsewhere.
KNOWN = timedelta(days=30)


class TooManyLoginsError(Exception):
    """Nothing was looked at. `seconds`: until the next try."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many logins, {seconds:.0f} s to wait")
        self.seconds = seconds


class LoginLimits(NamedTuple):
    """Tries within `window`, right ones given back."""

    of_name_at_address: int
    of_address: int
    of_name: int
    window: timedelta


class LoginCount(models.Model):
    """Tries of a name at an address; of all names at an address where `name` is empty; of a name at
    all addresses where `address` is."""

    name = models.CharField(_("username"), max_length=NAME_LENGTH, blank=True)
    address = models.CharField(_("address"), max_length=64, blank=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    end_date = models.DateTimeField(_("until"))
    known_until = models.DateTimeField(_("known until"), null=True, blank=True)

    class Meta:
        verbose_name = _("login attempt")
        verbose_name_plural = _("login attempts")
        ordering = ("-id",)
        default_permissions = ("view", "delete")
        constraints = [models.UniqueConstraint(fields=["name", "address"], name="login_count_of")]
        indexes = [
            models.Index(fields=["end_date"], name="login_count_end"),
            models.Index(fields=["address"], name="login_count_address"),
        ]

    def __str__(self) -> str:
        return " · ".join(filter(None, (self.name, self.address)))

    def is_known(self, now: datetime) -> bool:
        """The name logged in from there lately: what others guess does not count for it."""
        return self.known_until is not None and self.known_until >= now


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One try. `address`: a network that counts as one, see core/logins/addresses.py."""

    name: str
    address: str

    @transaction.atomic
    def take(self, limits: LoginLimits, now: datetime) -> None:
        """Count it, or raise TooManyLoginsError: what is refused counts nothing. Each row is locked
        until the end, and in the same order by everybody."""
        ends = now + limits.window
        pair = _count(self.name, self.address, limits.of_name_at_address, now, ends)
        _count("", self.address, limits.of_address, now, ends)
        if not pair.is_known(now):
            _count(self.name, "", limits.of_name, now, ends)

    @transaction.atomic
    def give_back(self, now: datetime) -> None:
        """It was no guess."""
        pair = LoginCount.objects.select_for_update().filter(name=self.name, address=self.address)
        keys = [(self.name, self.address), ("", self.address)]
        if not any(count.is_known(now) for count in pair):
            keys.append((self.name, ""))
        for name, address in keys:
            rows = LoginCount.objects.filter(name=name, address=address)
            rows.update(tries=Greatest(F("tries") - 1, 0, output_field=models.IntegerField()))

    @transaction.atomic
    def succeed(self, now: datetime) -> None:
        """Whoever it was is in: nothing is left of their own wrong ones here."""
        self.give_back(now)
        pair = LoginCount.objects.filter(name=self.name, address=self.address)
        pair.update(tries=0, known_until=now + KNOWN)


def _count(name: str, address: str, limit: int, now: datetime, ends: datetime) -> LoginCount:
    rows = LoginCount.objects.filter(name=name, address=address)
    started_anew = {"tries": 1, "end_date": ends}
    if not (
        rows.filter(end_date__gt=now).update(tries=F("tries") + 1)
        or rows.filter(end_date__lte=now).update(**started_anew)
    ):
        new = LoginCount(name=name, address=address, end_date=ends)
        # Of two who find none, the second finds the first's.
        LoginCount.objects.bulk_create([new], ignore_conflicts=True)
        rows.update(tries=F("tries") + 1)
    row = rows.get()
    if row.tries > limit:
        raise TooManyLoginsError((row.end_date - now).total_seconds())
    return row


def forget_old(now: datetime) -> int:
    """Remove what no longer counts. Returns how many."""
    return LoginCount.objects.filter(end_date__lte=now).exclude(known_until__gt=now).delete()[0]

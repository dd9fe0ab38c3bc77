"""Two-step login of staff: besides the password, a code of an authenticator app (TOTP, RFC 6238) or
one of the backup codes.

django-otp keeps the secrets, takes no code twice, and makes a guesser wait longer each time. This
module says who has two-step login, and how it begins and ends.
"""

import unicodedata

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.utils.translation import gettext as _
from django_otp import verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.db.sessions import end_sessions, without_second_step
from core.models import User

BACKUP_CODES = 10
# Unicode's categories of dashes, of blanks, and of invisible signs.
BETWEEN = {"Pd", "Zs", "Zl", "Zp", "Cc", "Cf"}


def is_on(user: User) -> bool:
    return TOTPDevice.objects.devices_for_user(user, confirmed=True).exists()


def is_missing(user: User) -> bool:
    """Whether this user has to turn it on before anything else."""
    return bool(without_second_step([user]))


def accepts(user: User, code: str) -> bool:
    """Whether this app or backup code is good for this user now. A good code is used up."""
    code = plain(code)
    kind = TOTPDevice if code.isdecimal() else StaticDevice
    device = kind.objects.devices_for_user(user, confirmed=True).first()
    return device is not None and verify_token(user, device.persistent_id, code) is not None


def plain(code: str) -> str:
    """A code without what was typed or copied between its signs: apps, printers and keyboards group
    it by blanks and dashes of all kinds, and Chinese ones type full-width digits."""
    text = unicodedata.normalize("NFKC", code).lower()
    return "".join(sign for sign in text if unicodedata.category(sign) not in BETWEEN)


def app_of(user: User, key: str) -> TOTPDevice:
    """The app that is to have this key. The row is saved once the app proved that it has it."""
    return TOTPDevice(user=user, name="app", key=key)


def confirm(user: User, key: str, code: str) -> list[str]:
    """Turn it on by the first code of the app that has `key`. Returns the backup codes, to be shown
    once; [] if the code is wrong: nothing has changed then."""
    with transaction.atomic():
        # If two forms come at once, the second finds what the first did.
        User.objects.select_for_update().get(pk=user.pk)
        if is_on(user):
            return []
        TOTPDevice.objects.filter(user=user).delete()
        device = app_of(user, key)
        device.save()
        if not device.verify_token(plain(code)):
            device.delete()
            return []
        StaticDevice.objects.filter(user=user).delete()
        backup = StaticDevice.objects.create(user=user, name="backup")
        codes = [StaticToken.random_token() for _number in range(BACKUP_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=backup, token=one) for one in codes)
        _log(user, user, _("Turned two-step login on."))
    return codes


def turn_off(user: User, actor: User, session: str | None) -> None:
    """The password alone is enough again. A person who lost the app may have lost an open session
    with it: all their sessions end, except `session`, which asks for it."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        end_sessions(user.pk, but=session)
        _log(user, actor, _("Turned two-step login off."))


def _log(user: User, actor: User, told: str) -> None:
    LogEntry.objects.log_actions(actor.pk, [user], CHANGE, told)

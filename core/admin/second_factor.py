"""Two-step login of staff: a code of an authenticator app (TOTP, RFC 6238) besides the password, or
one of the backup codes that were given out with it.

django-otp keeps the secrets, takes no code twice, and makes who guesses wait longer each time. Here
is who has it, and how it begins and ends.
"""

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.utils.translation import gettext as _
from django_otp import verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.models import User

BACKUP_CODES = 10


def is_on(user: User) -> bool:
    return TOTPDevice.objects.devices_for_user(user, confirmed=True).exists()


def accepts(user: User, code: str) -> bool:
    """Whether this code of the app, or a backup code, is good for this user now; it is used up."""
    code = code.replace(" ", "").lower()
    kind = TOTPDevice if code.isdecimal() else StaticDevice
    device = kind.objects.devices_for_user(user, confirmed=True).first()
    return device is not None and verify_token(user, device.persistent_id, code) is not None


def begin(user: User) -> TOTPDevice:
    """The secret that waits to be confirmed by a first code; the same until it is."""
    device: TOTPDevice
    device, _made = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "app"}
    )
    return device


def confirm(user: User, code: str) -> list[str]:
    """Turn it on by the app's first code; the backup codes, to be shown once. None of them where
    the code is wrong: nothing has changed then."""
    device = begin(user)
    if is_on(user) or verify_token(user, device.persistent_id, code.replace(" ", "")) is None:
        return []
    with transaction.atomic():
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        StaticDevice.objects.filter(user=user).delete()
        backup = StaticDevice.objects.create(user=user, name="backup")
        codes = [StaticToken.random_token() for _number in range(BACKUP_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=backup, token=one) for one in codes)
        _log(user, user, _("Turned two-step login on."))
    return codes


def turn_off(user: User, actor: User) -> None:
    """The password alone is enough again."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        _log(user, actor, _("Turned two-step login off."))


def _log(user: User, actor: User, told: str) -> None:
    LogEntry.objects.log_actions(actor.pk, [user], CHANGE, told)

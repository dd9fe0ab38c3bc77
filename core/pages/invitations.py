"""One-time links by which customers set the password of their login.

A link is a token of Django's, signed over the password, the last login and the moment of the
customer's newest link. Using it changes these, so it works once, for PORTAL_LINK_HOURS, and not
after a newer link or another password. Nothing of it is stored.
"""

import copy
import logging
from datetime import datetime
from smtplib import SMTPException

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.formats import date_format
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from core.db import clock
from core.models import Customer, CustomerInactiveError, FieldChange, User
from core.models.accounts import login_like
from core.permissions import may_use_portal
from core.reasons import translate

logger = logging.getLogger(__name__)


class InvitationError(Exception):
    """Why a customer gets no link. The text may be shown to staff."""


class InvitationTokens(PasswordResetTokenGenerator):
    """Good until the password, the email or the newest invitation changes."""

    key_salt = "core.pages.invitations"

    def make_token(self, user: User) -> str:
        return super().make_token(self._as_invited(user))

    def check_token(self, user: User | None, token: str | None) -> bool:
        return user is not None and super().check_token(self._as_invited(user), token)

    def _as_invited(self, user: User) -> User:
        """Django's token depends on the email, so the moment of the invitation is added to that."""
        newest = Customer.objects.values_list("invited", flat=True).get(user=user)
        invited = copy.copy(user)
        invited.email = f"{user.email}{newest and newest.isoformat()}"
        return invited


tokens = InvitationTokens()


def invite(customer: Customer, email: str = "", *, actor: User | None) -> str:
    """The path of a new link; older ones are void. A customer without a login gets one. The inviter
    is recorded: for a while they may not approve orders of a customer whom they let in.

    Raises InvitationError if the customer may not have a link: a link is as good as a password, so
    a login of the staff gets none."""
    if not customer.active:
        raise InvitationError(translate(CustomerInactiveError.reason))
    with transaction.atomic(), FieldChange.objects.kept(customer, ("user", "invited"), actor=actor):
        user = login_of(customer)
        if not may_be_invited(user):
            raise InvitationError(_("This login is not for the customer portal."))
        if email and email != user.email:
            user.email = email
            user.save(update_fields=["email"])
        customer.invited = clock.now()
        customer.save(update_fields=["invited"])
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("portal:set-password", args=[uid, tokens.make_token(user)])


def may_be_invited(user: User) -> bool:
    """Asked again when a link is used: it must not work for a login that became staff meanwhile."""
    return (
        may_use_portal(user)
        and not user.is_superuser
        and Customer.objects.filter(user=user, active=True).exists()
    )


def login_of(customer: Customer) -> User:
    """The customer's own login, or a new one without a password. A login that only has the
    customer's name belongs to somebody else."""
    if customer.user is not None:
        return customer.user
    for name in names_for(customer):
        if login_like(name):
            continue
        try:
            with transaction.atomic():
                user = User(username=name)
                user.set_unusable_password()
                user.save(force_insert=True)
        except IntegrityError:
            continue
        if Customer.objects.filter(pk=customer.pk, user=None).update(user=user) != 1:
            raise InvitationError(
                _("Somebody else changed this customer first; reload the page and check it.")
            )
        customer.user = user
        return user
    raise InvitationError(_("No free login name was found; create a login and select it here."))


def names_for(customer: Customer) -> list[str]:
    """Names to try: the customer's own if it is valid for a login, then others."""
    fallback = f"customer-{customer.pk}"
    try:
        UnicodeUsernameValidator()(customer.username)
    except ValidationError:
        return [fallback]
    return [customer.username, f"{customer.username}-{customer.pk}", fallback]


def send(email: str, link: str, until: datetime) -> bool:
    """Send the link by e-mail. Returns whether a server took it; the log says why not."""
    text = _(
        "Hello,\n\nuse this link to set your password for your orders at %(office)s:\n\n"
        "%(link)s\n\n"
        "It works once, until %(until)s. If you did not ask for it, ignore this message.\n"
    ) % {
        "office": _("Booster Office"),
        "link": link,
        "until": date_format(timezone.localtime(until), "Y-m-d H:i T"),
    }
    try:
        send_mail(
            _("Your link to %(office)s") % {"office": _("Booster Office")}, text, None, [email]
        )
    except (OSError, SMTPException) as error:
        logger.warning("an invitation could not be sent: %s", error)
        return False
    return True

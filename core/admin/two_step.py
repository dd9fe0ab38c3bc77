"""The login with its second step, and the page where staff turn that on for themselves."""

from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from core.admin import second_factor
from core.logins import attempts
from core.logins.forms import CountedLoginForm
from core.models import User

# The session keeps the key here until the app proved that it has it.
KEY = "two_step_key"
# The length of a code with whatever somebody types between its signs.
MOST = 64
CODE = forms.TextInput(
    attrs={"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "off"}
)


class LoginForm(CountedLoginForm):
    """For staff. Asks everybody for a code, so that the page does not tell who needs one, nor
    whether the password or the right to be here was missing."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy(
            "Please enter the correct %(username)s and password for a staff account. Note that "
            "both fields may be case-sensitive."
        ),
    }
    required_css_class = "required"

    code = forms.CharField(
        label=gettext_lazy("Code, if you use two-step login"),
        required=False,
        max_length=MOST,
        widget=CODE,
    )

    def confirm_login_allowed(self, user: Any) -> None:
        """Called once the password was right."""
        super().confirm_login_allowed(user)
        if not user.is_staff:
            raise self.get_invalid_login_error()
        code = self.cleaned_data.get("code", "")
        if second_factor.is_on(user) and not second_factor.accepts(user, code):
            if code:
                record_failure(self.request, user)
            else:
                attempts.give_back(self.request, self.cleaned_data["username"])
            raise ValidationError(
                _(
                    "The code is missing, wrong or already used. Wait for the next code in "
                    "your app, or use a backup code."
                ),
                code="code",
            )


class CodeForm(forms.Form):
    code = forms.CharField(label=gettext_lazy("Code"), max_length=MOST, widget=CODE)

    def refuse(self) -> None:
        self.add_error("code", _("This code is wrong or already used. Wait for the next one."))


class BeginForm(CodeForm):
    """Also asks for the password: a desk left open is not enough to lock its owner out."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("password", "code")

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(*args)
        self.request = request

    def clean_password(self) -> str:
        """As at the login: wrong ones count, and too many lock."""
        password: str = self.cleaned_data["password"]
        user = self.request.user
        name = user.get_username()
        with attempts.unless_busy(self.request, name):
            found = authenticate(self.request, username=name, password=password)
        if found != user:
            raise ValidationError(_("This is not your password."), code="password")
        attempts.succeed(self.request, name)
        return password


@never_cache
@sensitive_post_parameters()
def two_step_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """A user's own two-step login: on by password and code of the app, off by one more code."""
    user = request.user
    assert isinstance(user, User)
    context |= {"title": _("Two-step login"), "required": second_factor.is_missing(user)}
    if second_factor.is_on(user):
        return turn_off_view(request, user, context)
    return turn_on_view(request, user, context)


def turn_on_view(request: HttpRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    # Kept in this session: another session of the same user neither sees nor replaces it.
    key = request.session.setdefault(KEY, default_key())
    form = BeginForm(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        codes = second_factor.confirm(user, key, form.cleaned_data["code"])
        if codes:
            del request.session[KEY]
            end_other_sessions(request, user, form.cleaned_data["password"])
            context |= {"form": form, "backup_codes": codes}
            return TemplateResponse(request, "desk/two_step.html", context)
        form.refuse()
    device = second_factor.app_of(user, key)
    context |= {"form": form, "picture": picture(device), "secret": secret(device)}
    return TemplateResponse(request, "desk/two_step.html", context)


def turn_off_view(request: HttpRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        attempts.take(request, user.get_username())
        if second_factor.accepts(user, form.cleaned_data["code"]):
            attempts.succeed(request, user.get_username())
            second_factor.turn_off(user, user, request.session.session_key)
            messages.success(request, _("Two-step login is off: the password alone is enough."))
            return HttpResponseRedirect(reverse("admin:two_step"))
        record_failure(request, user)
        form.refuse()
    return TemplateResponse(request, "desk/two_step.html", context | {"form": form, "on": True})


def end_other_sessions(request: HttpRequest, user: User, password: str) -> None:
    """Sessions are signed with the password's hash: a new hash ends all but this one."""
    user.set_password(password)
    user.save(update_fields=["password"])
    update_session_auth_hash(request, user)


def record_failure(request: HttpRequest | None, user: User) -> None:
    """A wrong code is recorded like a wrong password."""
    credentials = {User.USERNAME_FIELD: user.get_username()}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def picture(device: TOTPDevice) -> str:
    """What the app's camera reads, as SVG."""
    code = segno.make(device.config_url, error="m")
    return mark_safe(code.svg_inline(scale=4, border=2, light="#fff"))  # noqa: S308 - segno's own


def secret(device: TOTPDevice) -> str:
    """For typing into an app without a camera: base32, in groups of four."""
    found = device.config_url.partition("secret=")[2].partition("&")[0]
    return " ".join(found[at : at + 4] for at in range(0, len(found), 4))

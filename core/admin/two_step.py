"""The login with its second step, and the page where staff turn that on for themselves."""

from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.admin import second_factor
from core.models import User

CODE = forms.TextInput(
    attrs={"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "off"}
)


class LoginForm(AuthenticationForm):
    """For staff. Asks everybody for a code, so that the page does not tell who needs one, and
    tells nobody whether the password or the right to be here was missing."""

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
        max_length=16,
        widget=CODE,
    )

    def confirm_login_allowed(self, user: Any) -> None:
        """The password was right."""
        super().confirm_login_allowed(user)
        if not user.is_staff:
            raise self.get_invalid_login_error()
        if second_factor.is_on(user) and not second_factor.accepts(
            user, self.cleaned_data.get("code", "")
        ):
            raise ValidationError(
                _(
                    "The code is missing, wrong or already used. Wait for the next code in "
                    "your app, or use a backup code."
                ),
                code="code",
            )


class CodeForm(forms.Form):
    code = forms.CharField(label=gettext_lazy("Code"), max_length=16, widget=CODE)

    def refuse(self) -> None:
        self.add_error("code", _("This code is wrong or already used. Wait for the next one."))


@never_cache
def two_step_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """One's own two-step login: on by a code of the app, off by one more."""
    user = request.user
    assert isinstance(user, User)
    on = second_factor.is_on(user)
    form = CodeForm(request.POST if request.method == "POST" else None)
    context |= {"title": _("Two-step login"), "form": form, "on": on}
    if form.is_valid():
        code = form.cleaned_data["code"]
        if not on:
            context["backup_codes"] = second_factor.confirm(user, code)
            if context["backup_codes"]:
                return TemplateResponse(request, "desk/two_step.html", context)
        elif second_factor.accepts(user, code):
            second_factor.turn_off(user, user)
            messages.success(request, _("Two-step login is off: the password alone is enough."))
            return HttpResponseRedirect(reverse("admin:two_step"))
        form.refuse()
    if not on:
        device = second_factor.begin(user)
        context |= {"picture": picture(device), "secret": secret(device)}
    return TemplateResponse(request, "desk/two_step.html", context)


def picture(device: TOTPDevice) -> str:
    """What the app's camera reads, as SVG."""
    code = segno.make(device.config_url, error="m")
    return mark_safe(code.svg_inline(scale=4, border=2, light="#fff"))  # noqa: S308 - segno's own


def secret(device: TOTPDevice) -> str:
    """What is typed into an app without a camera: base32, in fours."""
    found = device.config_url.partition("secret=")[2].partition("&")[0]
    return " ".join(found[at : at + 4] for at in range(0, len(found), 4))

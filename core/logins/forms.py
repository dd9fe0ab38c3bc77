"""Django's password forms for desk and portal: each try counts, and a right one is given back."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest

from core.logins import attempts


class CountedLoginForm(AuthenticationForm):
    """Gives a try back only after confirm_login_allowed() has passed."""

    def clean(self) -> dict[str, Any]:
        with attempts.unless_busy(self.request, self.cleaned_data.get("username", "")):
            cleaned: dict[str, Any] = super().clean()
        if self.user_cache is not None:
            attempts.succeed(self.request, cleaned["username"])
        return cleaned


class CountedPasswordChangeForm(PasswordChangeForm):
    """An open session must not help to guess its password."""

    required_css_class = "required"

    def __init__(self, user: Any, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        name = self.user.get_username()
        attempts.take(self.request, name)
        with attempts.unless_busy(self.request, name):
            old = super().clean_old_password()
        attempts.succeed(self.request, name)
        return old


class ChangePassword(PasswordChangeView):
    form_class = CountedPasswordChangeForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

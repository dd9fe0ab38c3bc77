"""The way in: login, logout, a password by a one-time link, another password."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import login as auth_login, views
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.logins.forms import ChangePassword
from core.models import Customer, User
from core.pages import invitations
from core.portal.access import customer_page, form_page, own_page
from core.portal.forms import LoginForm

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Login(views.LoginView):
    """Uses the admin's backends: too many wrong passwords lock the name here, too."""

    template_name = "portal/login.html"
    authentication_form = LoginForm
    next_page = "portal:orders"
    redirect_authenticated_user = True

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Only to a page of the portal."""
        asked = super().get_redirect_url()
        return asked if asked.startswith(reverse("portal:orders")) else ""


class SetPassword(views.PasswordResetConfirmView):
    """A one-time link. Django takes the token out of the address before it shows the form; the page
    that still has it sends no referrer."""

    template_name = "portal/set_password.html"
    token_generator = invitations.tokens
    success_url = reverse_lazy("portal:orders")

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(*args, **kwargs)
        if kwargs["token"] != self.reset_url_token:
            # Not on the form itself: browsers would post it with an origin of "null".
            response.headers["Referrer-Policy"] = "no-referrer"
        if not self.validlink and response.status_code == 200:
            response.status_code = 410
        return response

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and invitations.may_be_invited(user) else None

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        """If two people use one link at once, one gets in."""
        user: User = form.user
        before = user.password
        user.set_password(form.cleaned_data["new_password1"])
        unused = User.objects.filter(pk=user.pk, password=before, is_staff=False)
        if unused.update(password=user.password) != 1:
            return HttpResponseRedirect(self.request.path)
        told = _("The password was set by a one-time link.")
        LogEntry.objects.log_actions(user.pk, Customer.objects.filter(user=user), CHANGE, told)
        auth_login(self.request, user, BACKEND)
        messages.success(self.request, _("Your password is set, and you are logged in."))
        return HttpResponseRedirect(self.get_success_url())


@customer_page
@form_page
def changed_password(request: HttpRequest, customer: Customer) -> HttpResponseBase:
    view = ChangePassword.as_view(
        template_name="portal/change_password.html",
        success_url=reverse("portal:orders"),
        extra_context={"customer": customer},
    )
    response = view(request)
    if response.status_code == 302:
        messages.success(request, _("Your password was changed."))
    return response


login = own_page(form_page(Login.as_view()))
logout = own_page(require_POST(views.LogoutView.as_view(next_page="portal:login")))
set_password = own_page(form_page(SetPassword.as_view()))

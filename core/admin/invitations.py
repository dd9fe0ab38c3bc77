"""The page that makes a customer's one-time link: sent by e-mail where that is set up, and shown
for copying once, in the answer to the very form that made it.
"""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.admin.base import DeskAdmin, staff
from core.admin.views import address
from core.models import Customer
from core.pages import display, invitations
from core.pages.invitations import InvitationError


class InvitationForm(forms.Form):
    email = forms.EmailField(
        required=False,
        max_length=254,
        label=gettext_lazy("Send to"),
        widget=forms.EmailInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Leave empty to show the link only here. The address is stored with the login."
        ),
    )


class InvitingAdmin(DeskAdmin):
    @address("<int:pk>/portal-link/", "portal_link")
    def invite_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        customer: Customer = self.changed_or_404(request, pk)
        known = customer.user.email if customer.user else ""
        sent = request.POST if request.method == "POST" else None
        form = InvitationForm(sent, initial={"email": known})
        context = {
            "customer": customer,
            "form": form,
            "mails": bool(settings.EMAIL_HOST),
            "hours": display.duration(settings.PASSWORD_RESET_TIMEOUT),
            "back": self.change_url(customer),
        }
        if form.is_valid():
            try:
                context |= self.make_link(request, customer, form.cleaned_data["email"])
            except InvitationError as error:
                self.message_user(request, str(error), messages.ERROR)
                return HttpResponseRedirect(self.change_url(customer))
        return self.own_page(request, "desk/portal_link.html", _("Portal link"), **context)

    def make_link(self, request: HttpRequest, customer: Customer, email: str) -> dict[str, Any]:
        """The link and whether it was sent; an entry in the customer's history either way."""
        path = invitations.invite(customer, email, actor=staff(request))
        link = request.build_absolute_uri(path)
        until = timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
        sent = bool(email and settings.EMAIL_HOST) and invitations.send(email, link, until)
        assert customer.user
        told = _("Portal link created for the login %(name)s, valid until %(until)s.") % {
            "name": customer.user.username,
            "until": date_format(timezone.localtime(until), "Y-m-d H:i"),
        }
        if sent:
            told += " " + _("Sent to %(email)s.") % {"email": email}
        self.log_change(request, customer, told)
        return {"link": link, "told": told, "failed": email if email and not sent else ""}

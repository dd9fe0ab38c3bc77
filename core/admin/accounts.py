"""Logins, staff and customers. Only super administrators change logins and rights."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
from django.db.models import Count, Exists, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.admin import cells, groups, second_factor
from core.admin.actions import BulkActionsAdmin
from core.admin.base import Button, DeskAdmin, ViewOnlyAdmin, list_url, staff
from core.admin.exchange import BulkImportAdmin, ExportAdmin
from core.admin.search import Beginning, IndexedSearch, Words
from core.admin.views import address
from core.db import clock
from core.exporting import resources
from core.logins import attempts
from core.models import Administrator, BulkJob, Customer, ImportJob, LoginCount, Order, User
from core.pages import display, invitations
from core.pages.invitations import InvitationError
from core.permissions import Right, may

RIGHTS = ("is_staff", "is_superuser", "groups")
PERSONAL = ("first_name", "last_name", "mobile", "email")
NEW = ("username", "mobile", "usable_password", "password1", "password2")
# Fields of a customer.
TYPED = ("username", "mobile", "active", "user", "memo")

# Nobody may look at the secrets of two-step logins.
admin.site.unregister((TOTPDevice, StaticDevice))


class OnlyPasswords:
    """Django's help speaks of other ways to log in; here there are none."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if field := self.fields.get("usable_password"):
            field.help_text = _("Disabled: nobody logs in with this name until a password is set.")


class NewLoginForm(OnlyPasswords, AdminUserCreationForm):
    pass


class NewPasswordForm(OnlyPasswords, AdminPasswordChangeForm):
    pass


@admin.register(User)
class UserAdmin(DeskAdmin, DjangoUserAdmin):
    list_display = (
        *("username", "full_name", "mobile", "email"),
        *("is_staff", "is_active", "last_login"),
    )
    full_name = cells.shown(gettext_lazy("name"), User.get_full_name, ordering="first_name")
    list_filter = ("is_staff", "is_superuser", "is_active")
    filter_horizontal = ("groups",)
    object_actions = {"two_step_off": None}
    search_fields = ("username", *PERSONAL)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Personal details"), {"fields": PERSONAL}),
        (gettext_lazy("Permissions"), {"fields": ("is_active", *RIGHTS)}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_form, change_password_form = NewLoginForm, NewPasswordForm
    add_fieldsets = ((None, {"classes": ("wide",), "fields": NEW}),)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may(staff(request), Right.CHANGE_LOGIN)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if may(staff(request), Right.GRANT_RIGHTS) else (*fields, *RIGHTS)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["help_text"] = groups.described_all()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def buttons(self, request: HttpRequest, obj: User) -> list[Button]:
        if not self.has_change_permission(request, obj) or not second_factor.is_on(obj):
            return []
        ask = _("Turn two-step login off for %(name)s?") % {"name": obj}
        label = _("Turn two-step login off")
        return [self.post_button(obj, "two_step_off", label, tone="danger", confirm=ask)]

    def two_step_off(self, request: HttpRequest, user: User) -> tuple[str, int]:
        """For a person who lost the app and the backup codes."""
        second_factor.turn_off(user, staff(request), request.session.session_key)
        return _("Two-step login was turned off."), messages.WARNING


@admin.register(Administrator)
class AdministratorAdmin(UserAdmin):
    """The staff alone. A login that is added here becomes staff."""

    list_display = (
        *("username", "full_name", "mobile", "rights"),
        *("two_step", "is_active", "last_login"),
    )
    list_filter = ("is_superuser", "is_active")  # type: ignore[assignment]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        codes = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        found = super().get_queryset(request).prefetch_related("groups")
        return found.annotate(has_two_steps=Exists(codes))

    @admin.display(description=gettext_lazy("two-step login"), boolean=True)
    def two_step(self, user: Any) -> bool:
        return user.has_two_steps

    @admin.display(description=gettext_lazy("permissions"))
    def rights(self, user: Administrator) -> str:
        if user.is_superuser:
            return _("super administrator")
        return ", ".join(group.name for group in user.groups.all())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(staff(request), Right.ADD_STAFF)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True
        super().save_model(request, obj, form, change)


@admin.register(LoginCount)
class LoginCountAdmin(IndexedSearch, ViewOnlyAdmin):
    """Names and addresses that may not log in for now. Deleting a row unlocks them."""

    list_display = ("who", "address", "tries", "locked", "end_date", "known_until")
    search_fields = ("name", "address")
    search_help_text = gettext_lazy("Username or address, in full")
    exact_fields = ("name", "address")
    fields = ("name", "address", "tries", "end_date", "known_until")

    @admin.display(description=gettext_lazy("username"), ordering="name", empty_value="")
    def who(self, count: LoginCount) -> str:
        return count.name or _("all names")

    @admin.display(description=gettext_lazy("locked"))
    def locked(self, count: LoginCount) -> str:
        is_locked = count.tries >= attempts.limit_of(count) and count.end_date > clock.steady.now()
        return display.tag(_("yes"), "bad") if is_locked else "–"

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may(staff(request), Right.UNLOCK_LOGIN)


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


@admin.register(Customer)
class CustomerAdmin(IndexedSearch, BulkImportAdmin, ExportAdmin, BulkActionsAdmin):
    bulk_actions = (BulkJob.Action.TOP_UP, BulkJob.Action.ACTIVATE, BulkJob.Action.DEACTIVATE)
    row_keys = "t"
    import_kind = ImportJob.Kind.CUSTOMERS
    resource_classes = (resources.CustomerExport,)

    list_display = (
        *("username", "mobile", "shown_balance", "open_orders"),
        *("active", "creator", "create_date"),
    )
    list_select_related = ("creator",)
    list_filter = ("active",)
    search_fields = ("username", "mobile")
    search_help_text = gettext_lazy("Part of a username, or start of a mobile number")
    finders = (Beginning("username"), Words("username"), Beginning("mobile"))
    sortable_by = ("username", "mobile", "shown_balance", "create_date")
    autocomplete_ordering = ("username",)
    date_hierarchy = "create_date"
    autocomplete_fields = ("user",)
    readonly_fields = ("shown_balance", "creator", "create_date", "invited")
    add_fieldsets = ((None, {"fields": TYPED}),)
    fieldsets = (
        (None, {"fields": ("shown_balance", *TYPED)}),
        (gettext_lazy("Dates"), {"fields": ("creator", "create_date", "invited")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        orders = Order.objects.open().filter(customer=OuterRef("pk")).order_by()
        number = orders.values("customer").annotate(number=Count("pk")).values("number")
        rows = super().get_queryset(request)
        return rows.annotate(open_orders_count=Coalesce(Subquery(number), 0))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if may(staff(request), Right.SEE_LOGINS) else (*fields, "user")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            # A customer's page must not lead to the desk.
            kwargs["queryset"] = User.objects.filter(is_staff=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        if not change:
            obj.creator_id = request.user.pk
        super().save_model(request, obj, form, change)

    def autocomplete_text(self, customer: Customer) -> str:
        text = f"{customer.username} · {display.money(customer.balance)}"
        return text if customer.active else f"{text} · {_('switched off')}"

    def buttons(self, request: HttpRequest, obj: Customer) -> list[Button]:
        user = staff(request)
        found = []
        if may(user, Right.TOP_UP_CUSTOMER, obj):
            url = reverse("admin:core_chargerecord_add")
            found.append(Button(_("Top up"), f"{url}?customer={obj.pk}", tone="primary", key="t"))
        if may(user, Right.PLACE_ORDER, obj):
            url = reverse("admin:core_order_add")
            found.append(Button(_("New order"), f"{url}?customer={obj.pk}"))
        if may(user, Right.INVITE_CUSTOMER, obj):
            found.append(Button(_("Portal link"), self.url_of("portal_link", obj.pk)))
        for right, model, label in (
            (Right.SEE_ORDERS, "order", _("Orders")),
            (Right.SEE_TOP_UPS, "chargerecord", _("Top-ups")),
            (Right.SEE_LEDGER, "ledgerentry", _("Ledger")),
        ):
            if may(user, right):
                found.append(Button(label, list_url(model, customer__id__exact=obj.pk)))
        return found

    # --- the one-time link: sent by e-mail if that is set up, and shown once for copying, in the
    # answer to the form that made it

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
        """Returns the link and whether it was sent, and notes it in the customer's history."""
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

    @admin.display(description=gettext_lazy("balance"), ordering="balance")
    def shown_balance(self, customer: Customer) -> SafeString:
        return format_html(
            '<span data-live-balance="{}">{}</span>',
            str(customer.pk),
            display.money(customer.balance),
        )

    @admin.display(description=gettext_lazy("open orders"))
    def open_orders(self, customer: Any) -> str | SafeString:
        if not customer.open_orders_count:
            return "0"
        url = list_url("order", customer__id__exact=customer.pk)
        return display.link(url, display.number(customer.open_orders_count))

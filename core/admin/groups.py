"""Groups of the staff. Only super administrators change them: a group gives rights."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.template.defaultfilters import capfirst
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from core.admin.base import staff
from core.admin.shared_edits import SharedEditsAdmin
from core.models import User
from core.permissions import GRANTABLE, Right, may, rights_given_by

# A right that follows from another one of these is not named.
WORDS: Mapping[Right, Any] = {
    Right.SEE_ORDERS: gettext_lazy("see orders and conversations"),
    Right.SEE_CUSTOMERS: gettext_lazy("see customers and their balances"),
    Right.SEE_TOP_UPS: gettext_lazy("see top-ups"),
    Right.SEE_LEDGER: gettext_lazy("see the ledger"),
    Right.SEE_SITES: gettext_lazy("see sites and their tokens"),
    Right.SEE_LOGINS: gettext_lazy("see logins"),
    Right.PLACE_ORDER: gettext_lazy("place and repeat orders, also by upload"),
    Right.CANCEL_ORDER: gettext_lazy("cancel, pause and retry orders"),
    Right.APPROVE_ORDER: gettext_lazy("approve or decline other people's orders and large top-ups"),
    Right.WRITE_MESSAGES: gettext_lazy("answer customers"),
    Right.TOP_UP_CUSTOMER: gettext_lazy("top customers up, also by upload"),
    Right.KEEP_SITES: gettext_lazy("add, change and pause sites"),
    Right.PAUSE_OFFICE: gettext_lazy("pause the whole office"),
    Right.IMPORT_CUSTOMERS: gettext_lazy("add customers, also by upload"),
    Right.SWITCH_CUSTOMERS: gettext_lazy("change customers and make their portal links"),
    Right.UNDO_IMPORT: gettext_lazy("undo imports of what they may book"),
}

ACTIONS = {
    "view": gettext_lazy("see"),
    "add": gettext_lazy("add"),
    "change": gettext_lazy("change"),
    "delete": gettext_lazy("delete"),
}
# Permissions beyond those four.
OTHERS = {
    "approve_order": gettext_lazy("orders: approve and decline"),
    "pause_office": gettext_lazy("the whole office: pause"),
    "undo_import": gettext_lazy("imports: undo"),
}

# The tables between a group and its rights or people: singular and plural name of a row.
BETWEEN = {
    between._meta.verbose_name: between._meta.verbose_name_plural
    for between in (Group.permissions.through, User.groups.through)
}

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(SharedEditsAdmin, DjangoGroupAdmin):
    list_display = ("name", "can_do")
    readonly_fields = ("can_do",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("permissions__content_type")

    def has_add_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return may(staff(request), Right.GRANT_RIGHTS)

    has_change_permission = has_delete_permission = has_add_permission

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        fields = ("name", "can_do", "permissions")
        return fields if self.has_change_permission(request) else fields[:2]

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, *args, **kwargs)
        if field := form.base_fields.get("permissions"):
            field.queryset = grantable_to(obj)
            field.label_from_instance = permission_label
        return form

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Names the people concerned, in place of a line for each right and each person."""
        lines, numbers, lacking, protected = super().get_deleted_objects(objs, request)
        between = BETWEEN.values()
        told: dict[str, Any] = {name: one for name, one in numbers.items() if name not in between}
        people = User.objects.filter(groups__in=objs).distinct().order_by("username")
        if names := ", ".join(map(str, people)):
            told[_("people who lose its permissions")] = names
        return without_between(lines), told, lacking, protected

    @admin.display(description=gettext_lazy("can"))
    def can_do(self, group: Group) -> str:
        return described(group) if group.pk else "–"


def without_between(lines: list[Any]) -> list[Any]:
    """The tree of what would be deleted, without the rows of the tables in BETWEEN."""
    rows = tuple(f"{capfirst(str(name))}: " for name in BETWEEN)
    kept = [without_between(one) if isinstance(one, list) else one for one in lines]
    return [one for one in kept if one and not str(one).startswith(rows)]


def grantable_to(group: Group | None) -> QuerySet[Permission]:
    """A group also keeps the other permissions that it has, until somebody removes them."""
    name = Concat("content_type__app_label", Value("."), "codename")
    offered = Q(name_in_full__in=GRANTABLE)
    if group is not None:
        offered |= Q(pk__in=group.permissions.values("pk"))
    permissions = Permission.objects.alias(name_in_full=name).filter(offered)
    return permissions.select_related("content_type")


def permission_label(permission: Permission) -> str:
    """In the reader's language; Django's own names are English. Without its table it keeps its
    name."""
    if permission.codename in OTHERS:
        return str(OTHERS[permission.codename])
    action, _underscore, _table = permission.codename.partition("_")
    model = permission.content_type.model_class()
    if model is None or action not in ACTIONS:
        return permission.name
    return _("%(rows)s: %(action)s") % {
        "rows": model._meta.verbose_name_plural,
        "action": ACTIONS[action],
    }


def described(group: Group) -> str:
    names = {
        f"{permission.content_type.app_label}.{permission.codename}"
        for permission in group.permissions.all()
    }
    return _("; ").join(str(WORDS[right]) for right in rights_given_by(names) if right in WORDS)


def described_all() -> SafeString:
    groups = Group.objects.order_by("name").prefetch_related("permissions__content_type")
    rows = ((group.name, described(group)) for group in groups)
    return format_html_join("", "<p><b>{}</b>: {}</p>", rows)

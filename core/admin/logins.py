"""Who tried to log in lately, and who may not for now."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy

from core.admin.base import ViewOnlyAdmin, staff
from core.admin.search import IndexedSearch
from core.db import clock
from core.logins import attempts
from core.models import LoginCount
from core.pages import display
from core.permissions import Right, may


@admin.register(LoginCount)
class LoginCountAdmin(IndexedSearch, ViewOnlyAdmin):
    """Deleting a row lets whoever it locks try again."""

    list_display = ("who", "address", "tries", "locked", "end_date", "known_until")
    search_fields = ("name", "address")
    search_help_text = gettext_lazy("Username or address, in full")
    exact_fields = ("name", "address")
    fields = ("name", "address", "tries", "end_date", "known_until")

    @admin.display(description=gettext_lazy("username"), ordering="name", empty_value="")
    def who(self, count: LoginCount) -> str:
        return count.name or str(gettext_lazy("all names"))

    @admin.display(description=gettext_lazy("locked"))
    def locked(self, count: LoginCount) -> str:
        is_locked = count.tries >= attempts.limit_of(count) and count.end_date > clock.steady.now()
        return display.tag(_("yes"), "bad") if is_locked else "–"

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who lets people guess again is a super administrator."""
        return may(staff(request), Right.UNLOCK_LOGIN)

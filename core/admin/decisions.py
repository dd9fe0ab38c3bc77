"""What waits for a second person's decision on money, and the two buttons for it."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from core.admin.base import Button, ViewOnlyAdmin, staff
from core.permissions import Right, may


class DecisionAdmin(ViewOnlyAdmin):
    """Who sees top-ups sees them."""

    object_actions = dict.fromkeys(("approve", "decline"), Right.APPROVE_TOP_UP)
    view_right = Right.SEE_TOP_UPS
    list_filter = ("status",)
    date_hierarchy = "create_date"
    row_keys = "a"

    def questions(self, obj: Any) -> tuple[str, str]:
        """What is asked before it is approved, and before it is declined."""
        raise NotImplementedError

    def buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        if not may(staff(request), Right.APPROVE_TOP_UP, obj):
            return []
        approve, decline = self.questions(obj)
        return [
            self.post_button(obj, "approve", _("Approve"), "primary", approve, key="a"),
            self.post_button(obj, "decline", _("Decline"), "danger", decline),
        ]

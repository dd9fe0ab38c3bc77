"""The buttons above a list: actions on the selected rows, or on all that the list found.

Nothing is done here: the rows are kept, and a page of their own asks for the yes.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _, gettext_lazy

from core.admin.base import DeskAdmin, staff
from core.bulk import selection
from core.bulk.jobs import ACTIONS
from core.models import BulkJob
from core.permissions import may
from core.theme.result_list import SELECTED

Action = BulkJob.Action
# In the address of a list from which a row is picked.
POPUP = "_popup"

# The button above the list: what it says, and Element's colour of it.
BUTTONS: Mapping[int, tuple[Any, str]] = {
    Action.CANCEL: (gettext_lazy("Cancel"), "danger"),
    Action.RETRY: (gettext_lazy("Retry now"), "warning"),
    Action.PAUSE: (gettext_lazy("Pause"), "warning"),
    Action.RESUME: (gettext_lazy("Resume"), "success"),
    Action.CATCH_UP: (gettext_lazy("Resume and catch up"), "success"),
    Action.APPROVE: (gettext_lazy("Approve"), "success"),
    Action.TOP_UP: (gettext_lazy("Top up"), "primary"),
    Action.ACTIVATE: (gettext_lazy("Switch on"), "success"),
    Action.DEACTIVATE: (gettext_lazy("Switch off"), "warning"),
}


class BulkActionsAdmin(DeskAdmin):
    """A list with actions on many rows; where it can be exported, on the selected ones too."""

    bulk_actions: ClassVar[tuple[BulkJob.Action, ...]] = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_actions(request)
        if POPUP in request.GET:
            return found
        for action in self.bulk_actions:
            if may(staff(request), ACTIONS[action].right):
                name = f"bulk_{action.name.lower()}"
                found[name] = (chosen(action), name, str(BUTTONS[action][0]))
        if hasattr(self, "has_export_permission") and self.has_export_permission(request):
            found["export_selected"] = (export_selected, "export_selected", _("Export"))
        return found


def chosen(action: BulkJob.Action) -> Any:
    """An action as Django calls it: it keeps the rows and asks on a page of their own."""

    def choose(
        model_admin: BulkActionsAdmin, request: HttpRequest, rows: QuerySet[Any]
    ) -> HttpResponse:
        job = selection.new_job(action, rows, creator=staff(request), query=request.GET.urlencode())
        return redirect("admin:core_bulkjob_change", job.pk)

    choose.type = BUTTONS[action][1]  # type: ignore[attr-defined]
    return choose


def export_selected(
    model_admin: BulkActionsAdmin, request: HttpRequest, rows: QuerySet[Any]
) -> HttpResponse:
    """On to the export's own page, for all that was found or for the rows by their ids."""
    query = request.GET.copy()
    if request.POST.get("select_across") != "1":
        query.clear()
        query["id__in"] = ",".join(request.POST.getlist(SELECTED))
    return redirect(f"{model_admin.url_of('export')}?{query.urlencode()}")

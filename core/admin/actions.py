"""The buttons above a list. They keep the chosen rows; a page of its own asks for confirmation."""

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
# In the address of a list that a popup picks a row from.
POPUP = "_popup"

# The label of each button and its Element colour.
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
    """An action as Django calls it: it keeps the rows and opens the page that confirms."""

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
    """Export all rows found, or the selected ones by their ids."""
    query = request.GET.copy()
    if request.POST.get("select_across") != "1":
        query.clear()
        query["id__in"] = ",".join(request.POST.getlist(SELECTED))
    return redirect(f"{model_admin.url_of('export')}?{query.urlencode()}")

"""The page of a consumers' job, live. The change feed brings state and figures; the rest of the
panel may differ by user, so the page asks for it when the feed says that it changed."""

from abc import abstractmethod
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, JsonResponse
from django.template.defaultfilters import capfirst
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from core.admin import cells
from core.admin.base import DeskAdmin, staff
from core.admin.listing import DeskChangeList
from core.admin.views import address, require
from core.live import Audience
from core.live.sources.jobs import JobSource
from core.permissions import made_by_user, may


class JobChangeList(DeskChangeList):
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        found = super().get_queryset(request, exclude_parameters)
        user = staff(request)
        return found if may(user, self.model_admin.source.right) else found.filter(creator=user)


class JobAdmin(DeskAdmin):
    """Jobs are made elsewhere. Their creators see them even without the right to see all."""

    source: ClassVar[JobSource[Any]]
    panel_template: ClassVar[str]
    change_form_template = "desk/job.html"
    list_select_related = ("creator",)
    date_hierarchy = "create_date"
    # The page shows its own panel; nobody types into a job.
    fields = readonly_fields = ("create_date",)
    shown_amount = cells.money(gettext_lazy("amount"), "amount")

    class Media:
        js = ("office/own-part.js", "office/job-live.js")

    @abstractmethod
    def panel_context(self, request: HttpRequest, job: Any) -> dict[str, Any]:
        """What this user sees beside state and figures."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DeskChangeList]:
        return JobChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_own = obj is not None and made_by_user(staff(request), obj)
        return is_own or super().has_view_permission(request, obj)

    def seen_or_404(self, request: HttpRequest, pk: int) -> Any:
        job = self.object_or_404(request, pk)
        require(self.has_view_permission(request, job))
        return job

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {
            **super().page_context(request, obj),
            "title": capfirst(str(self.opts.verbose_name)),
            "panel": self.panel_of(request, obj),
            "subject": f"{self.source.prefix}:{obj.pk}",
            "doing": self.source.doing(obj),
        }

    @address("<int:pk>/panel/", "panel")
    def panel_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        job = self.seen_or_404(request, pk)
        buttons = {"buttons": self.buttons(request, job)}
        return JsonResponse(
            {
                "panel": self.panel_of(request, job),
                "buttons": render_to_string("desk/buttons.html", buttons),
            }
        )

    def panel_of(self, request: HttpRequest, job: Any) -> SafeString:
        live = self.source.render(job, Audience.STAFF)
        context = {"job": job, "live": live, **self.panel_context(request, job)}
        return render_to_string(self.panel_template, context)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, job: Any) -> SafeString:
        return self.source.state(job)

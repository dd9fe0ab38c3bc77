"""An audit that the customer bought: what a site's counter does with plays, with its figures."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.models import Calibration, Customer
from core.pages.audits import report_of
from core.portal.access import customer_page

REFRESH_SECONDS = "5"


@customer_page
@require_safe
def shown(request: HttpRequest, customer: Customer, pk: int) -> HttpResponse:
    audit = Calibration.objects.filter(customer=customer, pk=pk).first()
    if audit is None:
        raise Http404
    response = render(request, "portal/audit.html", {"customer": customer, **report_of(audit)})
    if not audit.is_final:
        response["Refresh"] = REFRESH_SECONDS
    return response

"""`count_view()`: one view, by whoever it is, counted as exactly as it can be."""

from django.db import IntegrityError, transaction
from django.db.models import F

from .models import CountedOrder, CountedPlay

AGENT = "BoosterOffice/"


def is_reading(request):
    """The office looks at the counter: that is no view."""
    agent = request.headers.get("User-Agent", "")
    return agent.startswith(AGENT) and "X-Play-Order" not in request.headers


def count_view(request, rows, field="views"):
    """Count this request at `rows`, a queryset of the one row with the counter `field`.

    Returns whether it counted: a play of the office that was sent again does not, nor a reading.
    The count, the play's key and the order's sum are written together or not at all.
    """
    if is_reading(request):
        return False
    order = request.headers.get("X-Play-Order", "")[:64]
    key = request.headers.get("Idempotency-Key") or request.headers.get("X-Play-Key", "")
    try:
        with transaction.atomic():
            if order:
                CountedOrder.objects.get_or_create(order=order)
                if key:
                    CountedPlay.objects.create(order=order, key=key[:200])
                CountedOrder.objects.filter(order=order).update(counted=F("counted") + 1)
            rows.update(**{field: F(field) + 1})
    except IntegrityError:
        if order and key and CountedPlay.objects.filter(order=order, key=key[:200]).exists():
            return False
        raise
    return True

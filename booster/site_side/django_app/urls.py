"""At the root of the site: `path("", include("booster_office.urls"))`."""

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.urls import path

from .models import CountedOrder
from .policy import is_braked, policy


def token_view(request, token):
    check(token)
    return HttpResponse(token, content_type="text/plain")


def about_view(request, token):
    check(token)
    held = {name: value for name, value in policy().items() if name != "brake"}
    about = {"version": 1, "counts_by_order": True, "policy": held | {"braked": is_braked()}}
    return JsonResponse(about, headers={"Cache-Control": "no-store"})


def order_view(request, token, order):
    check(token)
    row = CountedOrder.objects.filter(order=order).first()
    about = {"order": order, "counted": row.counted if row else 0}
    return JsonResponse(about, headers={"Cache-Control": "no-store"})


def check(token):
    if token != settings.BOOSTER_OFFICE["token"]:
        raise Http404


urlpatterns = [
    path("booster-office-<str:token>.txt", token_view),
    path(".well-known/booster-office-<str:token>.txt", token_view),
    path(".well-known/booster-office-<str:token>/", about_view),
    path(".well-known/booster-office-<str:token>/orders/<str:order>", order_view),
]

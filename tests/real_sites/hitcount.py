"""django-hitcount as its documentation sets it up: sessions, CSRF on, counted by its own view.

A video is a group of django.contrib.auth: the counter hangs on any model. `python -m uvicorn
tests.real_sites.hitcount:application` serves it; HITCOUNT_DATABASE names its file, and HITCOUNT is
JSON of the settings in which it differs from the usual ones.
"""

import json
import os
import re

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path

settings.configure(
    SECRET_KEY="of a site in a test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "hitcount",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["HITCOUNT_DATABASE"],
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    **{"HITCOUNT_KEEP_HIT_ACTIVE": {"days": 7}} | json.loads(os.environ.get("HITCOUNT", "{}")),
)
django.setup()

PAGE = """<!doctype html><title>{name}</title><script>
var hitcountJS = {{hitcountPK : '{pk}', hitcountURL : '/hitcount/hit/ajax/'}};
</script><input type="hidden" name="csrfmiddlewaretoken" value="{csrf}">
<p><span class="hits">{hits}</span> views</p>"""


def token(_request: HttpRequest, hexadecimal: str) -> HttpResponse:
    """Whoever asks for a token is shown it: the site agrees."""
    return HttpResponse(hexadecimal, content_type="text/plain")


def video(request: HttpRequest, name: str) -> HttpResponse:
    from django.contrib.auth.models import Group
    from hitcount.models import HitCount

    group = Group.objects.filter(name=name).first()
    if group is None:
        raise Http404
    counter = HitCount.objects.get_for_object(group)
    text = PAGE.format(name=name, pk=counter.pk, csrf=get_token(request), hits=f"{counter.hits:,}")
    return HttpResponse(text)


def visited_video(request: HttpRequest, name: str) -> HttpResponse:
    """The same page of a site that keeps something of each visitor."""
    request.session["visited"] = name
    return video(request, name)


urlpatterns = [
    path("booster-office-<slug:hexadecimal>.txt", token),
    path("videos/<slug:name>/", video),
    path("visited/<slug:name>/", visited_video),
    path("hitcount/", include("hitcount.urls", namespace="hitcount")),
]


def make_ready() -> None:
    from django.contrib.auth.models import Group

    call_command("migrate", verbosity=0)
    for name in ("harbour", "dawn"):
        Group.objects.get_or_create(name=name)


if re.search(r"\.sqlite3$", os.environ["HITCOUNT_DATABASE"]):
    make_ready()
application = get_asgi_application()

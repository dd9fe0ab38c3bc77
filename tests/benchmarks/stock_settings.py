"""The tasks' benchmark: an office whose admin is Django's own, without a theme."""

from office.settings import *  # noqa: F403
from office.settings import INSTALLED_APPS as OURS, TEMPLATES as OUR_TEMPLATES

INSTALLED_APPS = [
    "django.contrib.admin",
    *(app for app in OURS if app not in {"simpleui", "core.theme", "core.apps.DeskConfig"}),
]
TEMPLATES = [
    {
        "BACKEND": OUR_TEMPLATES[0]["BACKEND"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": OUR_TEMPLATES[0]["OPTIONS"]["context_processors"],
        },
    }
]
ROOT_URLCONF = "tests.benchmarks.stock_office"

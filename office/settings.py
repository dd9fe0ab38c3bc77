"""Every setting, read from the environment alone; docs/operations.md describes each variable."""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from office import environment as env
from office import queue

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "var")

DEBUG = env.boolean("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY", DATA_DIR / "secret_key")
PORT = env.port("PORT", 8000)
DEMO_SITE_PORT = env.port("DEMO_SITE_PORT", 8001)
ADMIN_PASSWORD = os.environ.get("ADMIN_PASSWORD", "")
ALLOWED_HOSTS = list(env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"))
# Behind TLS (HTTPS=on) cookies travel encrypted only and browsers are told to stay on https.
HTTPS = env.boolean("HTTPS")
# Addresses in private networks that plays may go to: "host:port" or a network.
PRIVATE_SITES = env.networks_and_hosts("PRIVATE_SITES", f"127.0.0.1:{DEMO_SITE_PORT}")

INSTALLED_APPS = [
    "simpleui",
    "core.theme",
    "core.apps.DeskConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "import_export",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "core",
    "office",
    "booster",  # before djhuey: its run_huey stops gracefully and sweeps
    "huey.contrib.djhuey",
]

# A tuple on purpose: simpleui pops XFrameOptionsMiddleware out of a list.
MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "office.unavailable.UnavailableMiddleware",
)

ROOT_URLCONF = "office.urls"
WSGI_APPLICATION = "office.wsgi.application"
ASGI_APPLICATION = "office.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before every app's own, so that our shims stand in front of simpleui's templates.
        "DIRS": [BASE_DIR / "core" / "theme" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # simpleui's own tags write raw JSON into <script>; ours escape it.
            "libraries": {"simpletags": "core.theme.simpletags"},
        },
    },
]

SQLITE_OPTIONS = {
    # Without IMMEDIATE a read that turns into a write fails at once with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
POSTGRESQL_POOL = {"min_size": 2, "max_size": 8, "timeout": 5}


def database() -> dict[str, Any]:
    """The web pools its PostgreSQL connections; consumers fork and must not (see run_huey)."""
    url = env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'office.sqlite3'}")
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}") from error
    engine = config.get("ENGINE", "")
    options = config.setdefault("OPTIONS", {})
    pooled = env.boolean("DATABASE_POOL")
    if not pooled:
        # Huey closes connections that are too old around each task: consumers keep theirs.
        config.update(CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=True)
    if engine.endswith("sqlite3"):
        options.update(SQLITE_OPTIONS)
    elif engine.endswith("postgresql"):
        if pooled:
            options["pool"] = POSTGRESQL_POOL
    else:
        raise ImproperlyConfigured("DATABASE_URL must be a postgresql:// or sqlite:/// address")
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The queue, and what tells live pages to look; both do without.
REDIS_URL = env.text("REDIS_URL")
HUEY = queue.build(REDIS_URL, DATA_DIR, SECRET_KEY)

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = (
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
# A customer's one-time link to set a password, the only kind of link there is.
PASSWORD_RESET_TIMEOUT = env.number("PORTAL_LINK_HOURS", 48) * 3600
CSRF_FAILURE_VIEW = "core.portal.errors.csrf_failure"
# Without a mail server links are shown for copying only.
MAIL_SERVER = env.mail_server("EMAIL_URL")
EMAIL_HOST = MAIL_SERVER["host"]
EMAIL_PORT = MAIL_SERVER["port"]
EMAIL_HOST_USER = MAIL_SERVER["user"]
EMAIL_HOST_PASSWORD = MAIL_SERVER["password"]
EMAIL_USE_TLS = MAIL_SERVER["tls"]
EMAIL_USE_SSL = MAIL_SERVER["ssl"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "office@localhost")
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "core.portal.errors.locked_out"
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
OTP_TOTP_ISSUER = "Booster Office"

LANGUAGE_CODE = env.text("LANGUAGE_CODE", "en")
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "core" / "locale"]
if LANGUAGE_CODE not in dict(LANGUAGES):
    raise ImproperlyConfigured(
        f"LANGUAGE_CODE={LANGUAGE_CODE!r} is not one of {', '.join(dict(LANGUAGES))}"
    )
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
USE_TZ = True
FORMAT_MODULE_PATH = ["core.formats"]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns of one that is missing
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
FIXTURE_DIRS = [BASE_DIR / "fixtures"]

# Security. simpleui's tabs are iframes of the same origin.
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if HTTPS and host != "*"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # Vue 2 compiles its templates in the page.
        "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'", "ws:", "wss:"],
        "frame-ancestors": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
    }
}

# How long after its start, and beyond its own pace, an order ends with what was delivered.
ORDER_DEADLINE_HOURS = env.number("ORDER_DEADLINE_HOURS", 72)

# Uploads of many rows: the file, its rows, and what a workbook may unpack to.
IMPORT_MAX_BYTES = env.number("IMPORT_MAX_MB", 256) << 20
IMPORT_MAX_XLSX_BYTES = env.number("IMPORT_MAX_XLSX_MB", 256) << 20
IMPORT_MAX_ROWS = env.number("IMPORT_MAX_ROWS", 2_000_000)

# Of an order's conversation, for each author.
MESSAGES_PER_MINUTE = env.number("MESSAGES_PER_MINUTE", 10)
MESSAGE_MAX_LENGTH = env.number("MESSAGE_MAX_LENGTH", 4000)

# Import and export follow the model's permissions; without these two lines any staff could.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
# The library's own escaping knows "=" only and writes numbers as text; core/exporting does it.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = False

SIMPLEUI_ANALYSIS = False
SIMPLEUI_HOME_INFO = False
SIMPLEUI_STATIC_OFFLINE = True
# The menu: these models in this order, with their icons. Others are reached from these.
SIMPLEUI_ICON = {
    "Order": "fas fa-play-circle",
    "Conversation": "fas fa-comments",
    "Customer": "fas fa-users",
    "ChargeRecord": "fas fa-wallet",
    "LedgerEntry": "fas fa-book",
    "ImportJob": "fas fa-file-import",
    "BulkJob": "fas fa-layer-group",
    "PricePolicy": "fas fa-tags",
    "ApprovalLimit": "fas fa-user-check",
    "Site": "fas fa-server",
    "Administrator": "fas fa-user-tie",
    "Group": "fas fa-user-shield",
    "AccessAttempt": "fas fa-lock",  # deleting one lets somebody who is locked out try again
}
SILENCED_SYSTEM_CHECKS = [
    "templates.W003",  # core.theme.simpletags stands in front of simpleui's library on purpose
    "security.W019",  # simpleui's tabs are frames of this very origin; others' are refused
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(process)d] %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "booster": {"level": "INFO"},
        "core": {"level": "INFO"},
        # With a handler of its own, run_huey adds none. A line a task would be a line a slice.
        "huey": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "huey.consumer": {"level": "INFO"},
    },
}

"""Every setting, read from the environment alone; docs/operations.md describes each variable."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from csp.constants import NONCE
from django.conf import global_settings

from office import environment as env, queue

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "var")

DEBUG = env.boolean("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY", DATA_DIR / "secret_key")
# Former keys: what they signed is still good, and nothing new is signed with them.
SECRET_KEY_FALLBACKS = list(env.words("SECRET_KEY_FALLBACKS"))
PORT = env.number("PORT", 8000, env.MOST_PORT)
DEMO_SITE_PORT = env.number("DEMO_SITE_PORT", 8001, env.MOST_PORT)
# Blanks are a part of it, but not the line end of a file that was written elsewhere.
ADMIN_PASSWORD = env.raw("ADMIN_PASSWORD").rstrip("\r\n")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# Behind TLS (HTTPS=on) cookies travel encrypted only and browsers are told to stay on https.
HTTPS = env.boolean("HTTPS")
# Proxies whose X-Forwarded-For is believed: office/proxies.py.
FORWARDED_ALLOW_IPS = env.networks("FORWARDED_ALLOW_IPS", "127.0.0.1")
# Web processes; pages that each works on at once, and requests that may wait: office/gate.py.
WEB_CONCURRENCY = env.number("WEB_CONCURRENCY", min(2, env.cores()), env.MOST_PROCESSES)
WEB_THREADS = env.number("WEB_THREADS", 8, 1_000)
WEB_QUEUE = env.number("WEB_QUEUE", 200, 100_000)
# Who shows it may read /metrics; without one nobody may.
METRICS_TOKEN = env.text("METRICS_TOKEN")
# Addresses in private networks that plays may go to: "host:port" or a network.
PRIVATE_SITES = env.networks("PRIVATE_SITES", f"127.0.0.1:{DEMO_SITE_PORT}", or_ports=True)

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
    "office.compression.TextCompressionMiddleware",  # before what serves styles and scripts
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "core.logins.signatures.sign_session_anew",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "office.unavailable.UnavailableMiddleware",
)

ROOT_URLCONF = "office.urls"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before every app's own, so that our shims stand in front of simpleui's templates.
        "DIRS": [BASE_DIR / "core" / "theme" / "templates"],
        "OPTIONS": {
            # Django's own loaders, made safe for what stands inside a <script>.
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "core.theme.loaders.FilesystemLoader",
                        "core.theme.loaders.AppDirectoriesLoader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # Templates do not load them, but for those of fields, which Django draws by itself.
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "core.templatetags.desk",
            ],
            # simpleui's own tags write raw JSON into <script>; ours are in their place.
            "libraries": {"simpletags": "core.theme.simpletags"},
        },
    },
]

SQLITE_OPTIONS = {
    # Without IMMEDIATE a read that turns into a write fails at once with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # With the third, triggers that keep rows from being deleted see what REPLACE deletes.
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;"
    ),
}
# As many as a web process has threads, and some for the feed and probes.
POSTGRESQL_POOL = {"min_size": 2, "max_size": WEB_THREADS + 4, "timeout": 5}
# What a server, a database or a role may have set otherwise: core/db/postgresql says it to each.
POSTGRESQL_SESSION = {
    # A host that is cut off in the middle of a transaction keeps rows locked until the server ends
    # it, and nobody could take its orders over.
    "idle_in_transaction_session_timeout": "20s",
    # Each change is conditional and sees what others committed; a snapshot would refuse it.
    "default_transaction_isolation": "read committed",
    # Uploads and audits of large offices take minutes; where people wait, we set a limit.
    "statement_timeout": "0",
    "lock_timeout": "0",
    # As the driver reads and writes texts and times.
    "standard_conforming_strings": "on",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
}
# A page waits no longer for rows that somebody else has locked: it is answered 503, and its place
# is another's. Of consumers booster/worker.py says more.
PAGES_WAIT_FOR_LOCKS = {"lock_timeout": "10s"}
# A host would wait for hours for an answer of a server that is gone.
POSTGRESQL_OPTIONS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}


def database() -> dict[str, Any]:
    """The web pools its PostgreSQL connections; consumers fork and must not (see run_huey)."""
    config = env.database("DATABASE_URL", env.sqlite_at(DATA_DIR / "office.sqlite3"))
    engine = config.get("ENGINE", "")
    options = config.setdefault("OPTIONS", {})
    pooled = env.boolean("DATABASE_POOL")
    # The server closes connections when it restarts; unchecked, each would fail a page.
    config["CONN_HEALTH_CHECKS"] = True
    if not pooled:
        # Huey closes connections that are too old around each task: consumers keep theirs.
        config["CONN_MAX_AGE"] = None
    if engine.endswith("sqlite3"):
        env.require_writable(
            "DATABASE_URL" if env.text("DATABASE_URL") else "DATA_DIR", config["NAME"]
        )
        options.update(SQLITE_OPTIONS)
    elif engine == "core.db.postgresql":
        config["OPTIONS"] = options = POSTGRESQL_OPTIONS | options
        session = POSTGRESQL_SESSION | (PAGES_WAIT_FOR_LOCKS if pooled else {})
        # What DATABASE_URL says comes first.
        said = env.named_options(options.get("options", ""))
        options["session"] = {
            name: value for name, value in session.items() if name.lower() not in said
        }
        if pooled:
            options["pool"] = POSTGRESQL_POOL
    else:
        env.refuse("DATABASE_URL must be a postgresql:// or sqlite:/// address")
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The queue, and what tells live pages to look; both do without.
REDIS_URL = env.redis("REDIS_URL")
HUEY = queue.build(REDIS_URL, DATA_DIR, SECRET_KEY, SECRET_KEY_FALLBACKS)
# "default" is each process's own; parts of pages (core/pages/kept.py) are shared by Redis.
MEMORY = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
SHARED = {
    "BACKEND": "office.caches.SharedParts",
    "LOCATION": REDIS_URL,
    "KEY_PREFIX": "booster-office:parts",
}
CACHES = {"default": MEMORY, "parts": SHARED if REDIS_URL else MEMORY | {"LOCATION": "parts"}}

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = (
    "core.logins.backend.CountingBackend",  # first: what it refuses nobody looks at
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
PASSWORD_RESET_TIMEOUT = env.number("PORTAL_LINK_HOURS", 48, env.MOST_HOURS) * 3600
CSRF_FAILURE_VIEW = "core.portal.errors.csrf_failure"
# Without a mail server links are shown for copying only.
MAIL_SERVER = env.mail_server("EMAIL_URL")
EMAIL_HOST = MAIL_SERVER.hostname or ""
EMAIL_PORT = MAIL_SERVER.port or env.MAIL_PORTS.get(MAIL_SERVER.scheme, 0)
EMAIL_HOST_USER = unquote(MAIL_SERVER.username or "")
EMAIL_HOST_PASSWORD = unquote(MAIL_SERVER.password or "")
EMAIL_USE_TLS = MAIL_SERVER.scheme == "smtp+tls"
EMAIL_USE_SSL = MAIL_SERVER.scheme == "smtp+ssl"
EMAIL_TIMEOUT = 10
# Whom the office tells what needs somebody: core/ops/alerts.py.
ALERT_EMAILS = [env.mail_address("ALERT_EMAILS", word) for word in env.words("ALERT_EMAILS")]
ALERT_WEBHOOK = env.web_address("ALERT_WEBHOOK")
if ALERT_EMAILS and not EMAIL_HOST:
    env.refuse("ALERT_EMAILS needs EMAIL_URL: there is no server to send them by")
DEFAULT_FROM_EMAIL = env.mail_address("EMAIL_FROM", env.text("EMAIL_FROM", "office@localhost"))
# Tries to log in within so many minutes; right ones are given back. core/logins counts them.
LOGIN_TRIES = env.number("LOGIN_TRIES", 5, env.MILLION)
LOGIN_TRIES_PER_NAME = env.number("LOGIN_TRIES_PER_NAME", 30, env.MILLION)
LOGIN_TRIES_PER_ADDRESS = env.number("LOGIN_TRIES_PER_ADDRESS", 30, env.MILLION)
LOGIN_LOCK_MINUTES = env.number("LOGIN_LOCK_MINUTES", 15, 60 * env.YEAR_HOURS)
# Of one web process.
PASSWORD_HASHES_AT_ONCE = env.number("PASSWORD_HASHES_AT_ONCE", 2, 100)
PASSWORD_HASHERS = ["core.logins.hashing.BoundedHasher", *global_settings.PASSWORD_HASHERS[1:]]
# django-axes keeps the record of who logged in and who failed; it locks nobody.
AXES_LOCK_OUT_AT_FAILURE = False
AXES_RESET_ON_SUCCESS = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
# Super administrators turn two-step login on before anything else.
REQUIRE_TWO_STEP = env.boolean("REQUIRE_TWO_STEP", True)
OTP_TOTP_ISSUER = "Booster Office"

LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", [code for code, _ in LANGUAGES])
LOCALE_PATHS = [BASE_DIR / "core" / "locale"]
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
FORMAT_MODULE_PATH = ["core.formats"]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
with suppress(OSError):  # a folder for reading only
    STATIC_ROOT.mkdir(mode=0o700, exist_ok=True)  # WhiteNoise warns of one that is missing
STATICFILES_FINDERS = ["core.theme.finders.Finder"]
WHITENOISE_USE_FINDERS = True
FIXTURE_DIRS = [BASE_DIR / "fixtures"]

# Security. No page is shown inside another one.
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if HTTPS and host != "*"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", NONCE],  # scripts of templates have a nonce
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],  # web sockets of this very host included
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
    }
}

# How long after its start, and beyond its own pace, an order ends with what was delivered.
ORDER_DEADLINE_HOURS = env.number("ORDER_DEADLINE_HOURS", 72, env.YEAR_HOURS)

# How long a customer whom somebody made, paid in for or let in counts as their own.
FOUR_EYES_DAYS = env.number("FOUR_EYES_DAYS", 90, env.MOST_DAYS)

# Videos that one person may have looked up in a minute, to be told price and views.
QUOTES_PER_MINUTE = env.number("QUOTES_PER_MINUTE", 60, env.MILLION)

# Uploads of many rows: the file, its rows, and what a workbook may unpack to.
IMPORT_MAX_BYTES = env.number("IMPORT_MAX_MB", 256, env.MOST_MB) << 20
IMPORT_MAX_XLSX_BYTES = env.number("IMPORT_MAX_XLSX_MB", 256, env.MOST_MB) << 20
# Of the process that reads a workbook; Python itself takes a part of it.
IMPORT_MAX_MEMORY_BYTES = env.number("IMPORT_MAX_MEMORY_MB", 1024, env.MOST_MB, least=128) << 20
IMPORT_MAX_MINUTES = env.number("IMPORT_MAX_MINUTES", 60, 60 * env.YEAR_HOURS)
IMPORT_MAX_ROWS = env.number("IMPORT_MAX_ROWS", 2_000_000, 100 * env.MILLION)

# For how many days what is not kept for ever is kept: core/ops/retention.py and importing/store.py.
LOGIN_ATTEMPT_DAYS = env.number("LOGIN_ATTEMPT_DAYS", 90, env.MOST_DAYS)
SITE_CHECK_DAYS = env.number("SITE_CHECK_DAYS", 30, env.MOST_DAYS)
READING_DAYS = env.number("READING_DAYS", 30, env.MOST_DAYS)
READ_RECEIPT_DAYS = env.number("READ_RECEIPT_DAYS", 365, env.MOST_DAYS)
JOB_FILE_DAYS = env.number("JOB_FILE_DAYS", 7, env.MOST_DAYS)
# Live pages of one process: of one user, sockets and polls together, and of one address.
LIVE_VIEWERS_PER_USER = env.number("LIVE_VIEWERS_PER_USER", 40, env.MILLION)
LIVE_SOCKETS_PER_ADDRESS = env.number("LIVE_SOCKETS_PER_ADDRESS", 300, env.MILLION)

# Of an order's conversation, for each author.
MESSAGES_PER_MINUTE = env.number("MESSAGES_PER_MINUTE", 10, env.MILLION)
MESSAGE_MAX_LENGTH = env.number("MESSAGE_MAX_LENGTH", 4000, 100_000)

# Import and export follow the model's permissions; without these two lines any staff could.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
# The library's own escaping knows "=" only and writes numbers as text; core/exporting does it.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = False

# The menu: these models in this order, with their icons. Others are reached from these.
MENU = {
    "core.Order": "fas fa-play-circle",
    "core.Repeat": "fas fa-redo",
    "core.Conversation": "fas fa-comments",
    "core.Customer": "fas fa-users",
    "core.ChargeRecord": "fas fa-wallet",
    "core.WaitingTopUp": "fas fa-hourglass-half",
    "core.TopUpCorrection": "fas fa-eraser",
    "core.LedgerEntry": "fas fa-book",
    "core.ImportJob": "fas fa-file-import",
    "core.BulkJob": "fas fa-layer-group",
    "core.PricePolicy": "fas fa-tags",
    "core.ApprovalLimit": "fas fa-user-check",
    "core.Site": "fas fa-server",
    "core.Administrator": "fas fa-user-tie",
    "auth.Group": "fas fa-user-shield",
    "core.LoginCount": "fas fa-lock",  # deleting one lets somebody who is locked out try again
}
SILENCED_SYSTEM_CHECKS = [
    "templates.W003",  # core.theme.simpletags stands in front of simpleui's library on purpose
]

LOG_FORMAT = env.choice("LOG_FORMAT", "line", ("line", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "office.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s [%(process)d] %(message)s",
        },
        "json": {"class": "office.logs.JSONFormatter"},
    },
    "filters": {"repeats": {"()": "office.logs.RepeatFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["repeats"],
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "booster": {"level": "INFO"},
        "core": {"level": "INFO"},
        # With a handler of its own, run_huey adds none. A line a task would be a line a slice.
        "huey": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "huey.consumer": {"level": "INFO"},
        # Who asked for a connection and got none says so.
        "psycopg.pool": {"level": "ERROR"},
    },
}

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
# Former keys are still read, but sign nothing new.
SECRET_KEY_FALLBACKS = list(env.words("SECRET_KEY_FALLBACKS"))
PORT = env.number("PORT", 8000, env.MOST_PORT)
DEMO_SITE_PORT = env.number("DEMO_SITE_PORT", 8001, env.MOST_PORT)
# Blanks count, but not the line end of a file.
ADMIN_PASSWORD = env.raw("ADMIN_PASSWORD").rstrip("\r\n")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# Behind TLS (HTTPS=on) cookies travel only encrypted, and browsers are told to stay on https.
HTTPS = env.boolean("HTTPS")
# Proxies whose X-Forwarded-For is believed: office/proxies.py.
FORWARDED_ALLOW_IPS = env.networks("FORWARDED_ALLOW_IPS", "127.0.0.1")
# office/gate.py: web processes, pages that each runs at once, and requests that may wait.
WEB_CONCURRENCY = env.number("WEB_CONCURRENCY", min(2, env.cores()), env.MOST_PROCESSES)
WEB_THREADS = env.number("WEB_THREADS", 8, 1_000)
WEB_QUEUE = env.number("WEB_QUEUE", 200, 100_000)
# Holders may read /metrics; without a token nobody may.
METRICS_TOKEN = env.text("METRICS_TOKEN")
# Private addresses that plays may go to: "host:port" or a network.
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
        # Before the apps' own, so that our shims precede simpleui's templates.
        "DIRS": [BASE_DIR / "core" / "theme" / "templates"],
        "OPTIONS": {
            # Django's own loaders, made safe inside a <script>.
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
    # recursive_triggers: the triggers that forbid deletes also see what REPLACE deletes.
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;"
    ),
}
# A web process's threads, and some for the feed and probes.
POSTGRESQL_POOL = {"min_size": 2, "max_size": WEB_THREADS + 4, "timeout": 5}
# Overrides what a server, database or role has set: core/db/postgresql.
POSTGRESQL_SESSION = {
    # A host cut off in a transaction keeps rows locked until the server ends it; until then nobody
    # could take over its orders.
    "idle_in_transaction_session_timeout": "20s",
    # Each change is conditional and must see what others committed; a snapshot would refuse it.
    "default_transaction_isolation": "read committed",
    # Uploads and audits of large offices take minutes; we set limits where people wait.
    "statement_timeout": "0",
    "lock_timeout": "0",
    # The driver reads and writes texts and times like this.
    "standard_conforming_strings": "on",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
}
# A page that waits longer for a lock is answered 503 and leaves its place to another. For consumers
# see booster/worker.py.
PAGES_WAIT_FOR_LOCKS = {"lock_timeout": "10s"}
# Otherwise a host waits hours for a server that is gone.
POSTGRESQL_OPTIONS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}


def database() -> dict[str, Any]:
    """Only the web pools PostgreSQL connections: consumers fork (see run_huey)."""
    config = env.database("DATABASE_URL", env.sqlite_at(DATA_DIR / "office.sqlite3"))
    engine = config.get("ENGINE", "")
    options = config.setdefault("OPTIONS", {})
    pooled = env.boolean("DATABASE_POOL")
    # When the server restarts, each unchecked connection would fail a page.
    config["CONN_HEALTH_CHECKS"] = True
    if not pooled:
        # Huey closes old connections around each task; consumers keep theirs.
        config["CONN_MAX_AGE"] = None
    if engine.endswith("sqlite3"):
        env.require_writable(
            "DATABASE_URL" if env.text("DATABASE_URL") else "DATA_DIR", config["NAME"]
        )
        options.update(SQLITE_OPTIONS)
    elif engine == "core.db.postgresql":
        config["OPTIONS"] = options = POSTGRESQL_OPTIONS | options
        session = POSTGRESQL_SESSION | (PAGES_WAIT_FOR_LOCKS if pooled else {})
        # DATABASE_URL comes first.
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

# The queue, and notifications of live pages; both do without Redis.
REDIS_URL = env.redis("REDIS_URL")
HUEY = queue.build(REDIS_URL, DATA_DIR, SECRET_KEY, SECRET_KEY_FALLBACKS)
# "default" belongs to each process; Redis shares parts of pages (core/pages/kept.py).
MEMORY = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
SHARED = {
    "BACKEND": "office.caches.SharedParts",
    "LOCATION": REDIS_URL,
    "KEY_PREFIX": "booster-office:parts",
}
CACHES = {"default": MEMORY, "parts": SHARED if REDIS_URL else MEMORY | {"LOCATION": "parts"}}

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = (
    "core.logins.backend.CountingBackend",  # first: nobody looks at what it refuses
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
# A customer's one-time link to set a password, the only kind of link.
PASSWORD_RESET_TIMEOUT = env.number("PORTAL_LINK_HOURS", 48, env.MOST_HOURS) * 3600
CSRF_FAILURE_VIEW = "core.portal.errors.csrf_failure"
# Without a mail server, links are only shown for copying.
MAIL_SERVER = env.mail_server("EMAIL_URL")
EMAIL_HOST = MAIL_SERVER.hostname or ""
EMAIL_PORT = MAIL_SERVER.port or env.MAIL_PORTS.get(MAIL_SERVER.scheme, 0)
EMAIL_HOST_USER = unquote(MAIL_SERVER.username or "")
EMAIL_HOST_PASSWORD = unquote(MAIL_SERVER.password or "")
EMAIL_USE_TLS = MAIL_SERVER.scheme == "smtp+tls"
EMAIL_USE_SSL = MAIL_SERVER.scheme == "smtp+ssl"
EMAIL_TIMEOUT = 10
ALERT_EMAILS = [env.mail_address("ALERT_EMAILS", word) for word in env.words("ALERT_EMAILS")]
ALERT_WEBHOOK = env.web_address("ALERT_WEBHOOK")
if ALERT_EMAILS and not EMAIL_HOST:
    env.refuse("ALERT_EMAILS needs EMAIL_URL: there is no server to send them by")
DEFAULT_FROM_EMAIL = env.mail_address("EMAIL_FROM", env.text("EMAIL_FROM", "office@localhost"))
# Tries to log in within so many minutes; right ones are given back (core/logins).
LOGIN_TRIES = env.number("LOGIN_TRIES", 5, env.MILLION)
LOGIN_TRIES_PER_NAME = env.number("LOGIN_TRIES_PER_NAME", 30, env.MILLION)
LOGIN_TRIES_PER_ADDRESS = env.number("LOGIN_TRIES_PER_ADDRESS", 30, env.MILLION)
LOGIN_LOCK_MINUTES = env.number("LOGIN_LOCK_MINUTES", 15, 60 * env.YEAR_HOURS)
# For one web process.
PASSWORD_HASHES_AT_ONCE = env.number("PASSWORD_HASHES_AT_ONCE", 2, 100)
PASSWORD_HASHERS = ["core.logins.hashing.BoundedHasher", *global_settings.PASSWORD_HASHERS[1:]]
# django-axes only records logins and failures.
AXES_LOCK_OUT_AT_FAILURE = False
AXES_RESET_ON_SUCCESS = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
# Super administrators must turn on two-step login first.
REQUIRE_TWO_STEP = env.boolean("REQUIRE_TWO_STEP", True)
OTP_TOTP_ISSUER = "Booster Office"

LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", [code for code, _ in LANGUAGES])
LOCALE_PATHS = [BASE_DIR / "core" / "locale"]
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
FORMAT_MODULE_PATH = ["core.formats"]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
with suppress(OSError):  # a read-only folder
    STATIC_ROOT.mkdir(mode=0o700, exist_ok=True)  # WhiteNoise warns if it is missing
STATICFILES_FINDERS = ["core.theme.finders.Finder"]
WHITENOISE_USE_FINDERS = True
FIXTURE_DIRS = [BASE_DIR / "fixtures"]

# No page is shown inside another one.
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
        "connect-src": ["'self'"],  # web sockets of this host included
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
    }
}

# This long after its start, and beyond its own pace, an order ends with what was delivered.
ORDER_DEADLINE_HOURS = env.number("ORDER_DEADLINE_HOURS", 72, env.YEAR_HOURS)

# A customer whom somebody made, paid in for or let in counts as theirs for so long.
FOUR_EYES_DAYS = env.number("FOUR_EYES_DAYS", 90, env.MOST_DAYS)

# Video look-ups for price and views, for one person in a minute.
QUOTES_PER_MINUTE = env.number("QUOTES_PER_MINUTE", 60, env.MILLION)

# Limits of uploads: the file, its rows, and the unpacked size of a workbook.
IMPORT_MAX_BYTES = env.number("IMPORT_MAX_MB", 256, env.MOST_MB) << 20
IMPORT_MAX_XLSX_BYTES = env.number("IMPORT_MAX_XLSX_MB", 256, env.MOST_MB) << 20
# For the process that reads a workbook, including Python itself.
IMPORT_MAX_MEMORY_BYTES = env.number("IMPORT_MAX_MEMORY_MB", 1024, env.MOST_MB, least=128) << 20
IMPORT_MAX_MINUTES = env.number("IMPORT_MAX_MINUTES", 60, 60 * env.YEAR_HOURS)
IMPORT_MAX_ROWS = env.number("IMPORT_MAX_ROWS", 2_000_000, 100 * env.MILLION)

# Days for which the rest is kept: core/ops/retention.py and importing/store.py.
LOGIN_ATTEMPT_DAYS = env.number("LOGIN_ATTEMPT_DAYS", 90, env.MOST_DAYS)
SITE_CHECK_DAYS = env.number("SITE_CHECK_DAYS", 30, env.MOST_DAYS)
READING_DAYS = env.number("READING_DAYS", 30, env.MOST_DAYS)
READ_RECEIPT_DAYS = env.number("READ_RECEIPT_DAYS", 365, env.MOST_DAYS)
JOB_FILE_DAYS = env.number("JOB_FILE_DAYS", 7, env.MOST_DAYS)
# For each web process.
LIVE_VIEWERS_PER_USER = env.number("LIVE_VIEWERS_PER_USER", 40, env.MILLION)
LIVE_SOCKETS_PER_ADDRESS = env.number("LIVE_SOCKETS_PER_ADDRESS", 300, env.MILLION)

# For each author in one conversation.
MESSAGES_PER_MINUTE = env.number("MESSAGES_PER_MINUTE", 10, env.MILLION)
MESSAGE_MAX_LENGTH = env.number("MESSAGE_MAX_LENGTH", 4000, 100_000)

# Without these two lines any staff could import and export.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
# The library escapes only "=" and writes numbers as text; core/exporting does it right.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = False

# The menu: these models in this order, with icons. Others are reached from these.
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
    "core.LoginCount": "fas fa-lock",  # deleting one unlocks a login
}
SILENCED_SYSTEM_CHECKS = [
    "templates.W003",  # core.theme.simpletags replaces simpleui's library on purpose
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
        # Its own handler stops run_huey from adding one; a line for each task would be too many.
        "huey": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "huey.consumer": {"level": "INFO"},
        # The code that got no connection says so.
        "psycopg.pool": {"level": "ERROR"},
    },
}

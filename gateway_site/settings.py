"""Settings: the environment, read once and here. A value that will not do stops the start."""

import hashlib
import hmac
import re
import sys

import environ
from django.core.exceptions import ImproperlyConfigured

from gateway_site import env

VERSION = re.findall(r"^## \[(\d.*?)\]", (env.ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
BASE_DIR = env.ROOT
DATA_DIR = env.data_dir()

SECRET_KEY = env.secret("SECRET_KEY", DATA_DIR / "secrets" / "secret_key")
CREDENTIAL_KEYS = env.secret("CREDENTIAL_KEYS", DATA_DIR / "secrets" / "credential_keys").split()
DEBUG = env.flag("DEBUG")

HOST = env.text("HOST", "127.0.0.1")
PORT = env.whole("PORT", 8000, least=1)
SITE = env.site(HOST, PORT)  # where this server is, seen from its own machine
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# The way of a call. Sizes in the unit of their name, times in seconds.
MAX_BODY_MB = env.number("MAX_BODY_MB", 64, least=0.001)
LOG_BODY_KB = env.number("LOG_BODY_KB", 256)
LOG_RETENTION_DAYS = env.whole("LOG_RETENTION_DAYS", 0, most=36_500)
CACHE_MEMORY_MB = env.number("CACHE_MEMORY_MB", 64)
CONNECT_SECONDS = env.number("CONNECT_SECONDS", 5, least=0.1)
FIRST_BYTE_SECONDS = env.number("FIRST_BYTE_SECONDS", 600, least=0.1)
BETWEEN_EVENTS_SECONDS = env.number("BETWEEN_EVENTS_SECONDS", 300, least=0.1)
WHOLE_CALL_SECONDS = env.number("WHOLE_CALL_SECONDS", 3600, least=0.1)
STREAM_HOLD_SECONDS = env.number("STREAM_HOLD_SECONDS", 15)
TRUSTED_CUSTOM_HOSTS = env.names("TRUSTED_CUSTOM_HOSTS")
OUTBOUND_PROXY = env.text("OUTBOUND_PROXY", "")
CA_BUNDLE = env.readable("CA_BUNDLE")

# A pretend provider under /sandbox/; its keys' host is read when a call is made, so it may move.
SANDBOX = env.flag("SANDBOX")
SANDBOX_KEY = "sk-sandbox-" + hmac.new(SECRET_KEY.encode(), b"sandbox", hashlib.sha256).hexdigest()[:40]
SANDBOX_URL = env.text("SANDBOX_URL", f"{SITE}/sandbox")

INSTALLED_APPS = [
    "gateway_site",  # its templates come before Unfold's
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "audit",
    "shared_state",
    "keys",
    "prices",
    "logs",
    "configs",
    "cache",
]
if sys.argv[1:2] == ["ingest_logs"]:  # it runs all day beside the workers and is to stay small
    INSTALLED_APPS = [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "audit",
        "keys",
        "prices",
        "logs",
        "configs",  # keys lead to them
    ]

MIDDLEWARE = [
    "gateway_site.health.Probes",
    "proxy.middleware.DataPlane",  # answers /v1/ itself: what the admin needs is never entered
    "gateway_site.connections.CloseOldConnections",
    "gateway_site.csp.ContentSecurityPolicy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "audit.middleware.ActingUser",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "gateway_site.urls"
WSGI_APPLICATION = "gateway_site.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "gateway_site.templates_in_turns.Loader",
                    ["django.template.loaders.app_directories.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def database(name: str, url: str) -> dict[str, object]:
    """Django's words for a database URL; SQLite is kept off the event loop, PostgreSQL is pooled."""
    if not url.startswith(("postgres://", "postgresql://", "sqlite:///")):
        raise ImproperlyConfigured(f"{name} must begin with postgres:// or sqlite:///.")
    config: dict[str, object] = environ.Env.db_url_config(url)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"
        options = {"transaction_mode": "IMMEDIATE", "init_command": pragmas, "timeout": 5}
        return config | {"ENGINE": "gateway_site.sqlite", "OPTIONS": options}
    # By itself the pool waits ever longer between attempts: 15 s after an outage of 40 s it was still away.
    pool = {"min_size": 0, "max_size": 20, "timeout": 5, "reconnect_timeout": 1}
    return config | {"OPTIONS": {"pool": pool, "connect_timeout": 2}, "CONN_MAX_AGE": 0}


DATABASE_URL = env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'gatehouse.sqlite3'}")
LOG_DATABASE_URL = env.text(
    "LOG_DATABASE_URL",
    f"sqlite:///{DATA_DIR / 'logs.sqlite3'}" if DATABASE_URL.startswith("sqlite") else DATABASE_URL,
)
DATABASES = {
    "default": database("DATABASE_URL", DATABASE_URL),
    "logs": database("LOG_DATABASE_URL", LOG_DATABASE_URL),
}
DATABASE_ROUTERS = ["logs.routing.LogsApart"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL", "")  # shared_state/checks.py refuses what is no such URL

PASSWORD_HASHERS = ["gateway_site.hashing.OffTheLoop"]

LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "gateway_site.formats"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # the admin's files are served from where they were installed

# The gateway may stand beside other services of one host, whose cookies are not to meet its own.
SESSION_COOKIE_NAME = "gatehouse_session"
CSRF_COOKIE_NAME = "gatehouse_csrf"
# gunicorn sets the scheme from X-Forwarded-Proto, and only where TRUSTED_PROXIES names the sender.
HTTPS = env.flag("HTTPS", default=bool(TRUSTED_PROXIES))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS else 0  # for this host name alone, all its ports
CSRF_COOKIE_HTTPONLY = True  # forms carry the token themselves
# SameSite stays Lax: with Strict, a link to a page of the admin would lead to the page for signing in.
SESSION_COOKIE_AGE = 12 * 3600  # since the last page
SESSION_SAVE_EVERY_REQUEST = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"]),
    },
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR"},  # a client's mistake is its own, and in the request log
        "psycopg.pool": {"level": "ERROR"},  # who needed the database says so
        "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
    },
}

UNFOLD = {
    "SITE_TITLE": "Gatehouse",
    "SITE_HEADER": "Gatehouse",
    "SITE_SYMBOL": "door_front",
    "SITE_URL": "",  # its links would read "View site", and lead to the API's description
    "ACCOUNT": {
        "navigation": [
            {"title": "API documentation", "link": "/docs/"},
            {"title": "Change password", "link": "/admin/password_change/"},
        ]
    },
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "gateway_site.signing_in.SignInForm"},
    "COLORS": "gateway_site.csp.in_no_page",
    "DASHBOARD_CALLBACK": "gateway_site.overview.overview",
    "SIDEBAR": {"navigation": "gateway_site.navigation.sidebar"},
    "STYLES": [f"{STATIC_URL}gateway_site/{name}.css" for name in ("colors", "admin")],
    "SCRIPTS": [f"{STATIC_URL}gateway_site/expressions.js"],
}

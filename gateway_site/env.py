"""Readers of the environment. A value that will not do stops the start, by its name.

Each setting may also come from a file: `NAME_FILE` holds the path, as container secrets do. What the
environment does not name may stand in `.env`, or the file `ENV_FILE` names; empty, none is read. Nothing
else in the project reads `os.environ`.
"""

import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

ENV_FILE = Path(os.environ.get("ENV_FILE", ROOT / ".env"))
if ENV_FILE.is_file():
    with ENV_FILE.open() as lines:
        environ.Env.read_env(lines)

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name: str, default: str | None = None) -> str:
    """The value of `name`, else of the file `NAME_FILE` names, else `default`, else the start stops."""
    if (value := os.environ.get(name)) is not None:
        return value.strip()
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: {path} cannot be read ({error.strerror}).") from error
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set.")
    return default


def number(name: str, default: float, *, least: float = 0) -> float:
    """A number of at least `least`; its unit is in the setting's name or in .env.example."""
    value = text(name, "")
    try:
        found = float(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from None
    if not least <= found < float("inf"):
        raise ImproperlyConfigured(f"{name} must be at least {least:g}, not {value!r}.")
    return found


def whole(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """A whole number of at least `least`, and at most `most` if that is given."""
    found = number(name, default, least=least)
    if found != int(found):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {found:g}.")
    if most is not None and found > most:
        raise ImproperlyConfigured(f"{name} must be at most {most}, not {found:g}.")
    return int(found)


def flag(name: str, *, default: bool = False) -> bool:
    """Yes or no, in the usual spellings."""
    value = text(name, "").lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return default if value == "" else False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def names(name: str, default: str = "") -> list[str]:
    """A comma list, trimmed, without empty members."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def networks(name: str) -> list[str]:
    """A comma list of addresses and networks, as in 10.0.0.0/8."""
    for network in (found := names(name)):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from None
    return found


def choice(name: str, default: str, among: Iterable[str]) -> str:
    """One of a few words, in capitals."""
    value = text(name, default).upper()
    if value not in among:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(among)}, not {value!r}.")
    return value


def readable(name: str) -> str:
    """The path of a file that can be read, or nothing."""
    path = text(name, "")
    try:
        with Path(path or os.devnull).open("rb"):
            return path
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {path} cannot be read ({error.strerror}).") from error


def data_dir() -> Path:
    """Where everything that must be kept lies: databases, journal, generated secrets."""
    return Path(text("DATA_DIR", str(ROOT / "var"))).resolve()


def site(host: str, port: int) -> str:
    """The URL, without a slash at its end, of what listens on `host`, for those on the same machine."""
    reached = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def secret(name: str, kept: Path) -> str:
    """A secret from the environment, else from the file `kept`, which `make run` fills on the first start."""
    if value := text(name, ""):
        return value
    try:
        value = kept.read_text().strip()
    except FileNotFoundError:
        value = ""
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {kept} cannot be read ({error.strerror}).") from error
    if not value:
        raise ImproperlyConfigured(f"{name} is not set and {kept} does not hold one; `make run` makes one.")
    return value

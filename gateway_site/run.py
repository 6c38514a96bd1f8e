"""`make run`: from an installed tree to a server that answers, with what a newcomer needs printed once.

Secrets and the data directory are made here, with nothing but the environment read; `prepare.py` then makes
databases and first keys in a process of its own, whose memory is not kept. This one stays as the server's
parent: it waits for the first answer, passes signals on and ends as the server does.
"""

import base64
import errno
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from gateway_site import env

START_SECONDS = 60
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PASSED_ON = {
    signal.SIGINT: signal.SIGINT,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGHUP: signal.SIGTERM,  # the terminal was closed; to gunicorn, HUP would mean a reload
}


def main() -> int:
    """Returns what the shell is told: 0 after Ctrl-C, else the server's own status."""
    os.umask(0o077)  # what it and its children keep is for its owner alone
    data, host, port = env.data_dir(), env.text("HOST", "127.0.0.1"), env.whole("PORT", 8000, least=1)
    make_data_dir(data)
    make_secrets(data)
    refuse_a_taken_port(host, port)
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.settings"
    os.environ.setdefault("SANDBOX", "1")
    prepared = subprocess.run([sys.executable, "-m", "gateway_site.prepare"], cwd=env.ROOT)
    if prepared.returncode:
        return prepared.returncode
    return serve(env.site(host, port), data / "secrets" / "first_run.txt")


def make_data_dir(data: Path) -> None:
    try:
        (data / "secrets").mkdir(parents=True, exist_ok=True)
        for folder in (data, data / "secrets"):
            folder.chmod(0o700)
    except OSError as error:
        sys.exit(f"{data} cannot be written to ({error.strerror}). Name another: make run DATA_DIR=/path")


def make_secrets(data: Path) -> None:
    """Those that neither the environment nor a file of ours holds yet."""
    folder = data / "secrets"
    lost = (data / "gatehouse.sqlite3").exists() and not (folder / "credential_keys").exists()
    if missing("CREDENTIAL_KEYS") and lost:
        sys.exit(
            f"{folder / 'credential_keys'} is gone, and {data / 'gatehouse.sqlite3'} was sealed with it."
        )
    if missing("SECRET_KEY"):
        keep(folder / "secret_key", secrets.token_urlsafe(48))
    if missing("CREDENTIAL_KEYS"):
        # What cryptography's Fernet.generate_key() does.
        keep(folder / "credential_keys", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())


def missing(name: str) -> bool:
    return not env.text(name, "")


def keep(path: Path, value: str) -> None:
    """Write `value` where nobody else may read it, unless something is kept there already."""
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(value + "\n")
    except FileExistsError:
        return


def refuse_a_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is taken" if taken else f"cannot be served on ({error.strerror})"
        sys.exit(f"Port {port} of {host or 'this machine'} {why}. Choose another: make run PORT={port + 1}")


def serve(site: str, announcement: Path) -> int:
    """Run gunicorn, whose settings are gunicorn.conf.py, until it ends or a signal ends it."""
    command = [sys.executable, "-m", "gunicorn", "--log-level", "warning"]
    server = subprocess.Popen(command, cwd=env.ROOT, start_new_session=True)
    asked_to_stop = []

    def stop(number: int, frame: object) -> None:
        asked_to_stop.append(number)
        server.send_signal(PASSED_ON[signal.Signals(number)])

    for number in PASSED_ON:
        signal.signal(number, stop)
    if wait_until_ready(server, site):
        announce(site, announcement)
    status = server.wait()
    return 0 if asked_to_stop else status


def wait_until_ready(server: subprocess.Popen[bytes], site: str) -> bool:
    """Whether the server said that it is ready before it ended; says so when it takes too long."""
    why = "it does not answer"
    begun = time.monotonic()
    while server.poll() is None:
        ready, why = ask(site, why)
        if ready:
            return True
        if time.monotonic() - begun > START_SECONDS:
            say(f"Not ready after {START_SECONDS} s: {why}. Still trying.")
            begun = time.monotonic()
        time.sleep(0.05)
    return False


def ask(site: str, before: str) -> tuple[bool, str]:
    """Whether `/readyz` says yes, and else why not, as far as is known."""
    try:
        with NO_PROXY.open(f"{site}/readyz", timeout=5):
            return True, ""
    except urllib.error.HTTPError as refused:
        try:
            return False, str(json.loads(refused.read())["why"])
        except (ValueError, KeyError):
            return False, f"it answers {refused.code}"
    except OSError:
        return False, before


def announce(site: str, announcement: Path) -> None:
    """Where the server is; after the first start also what `prepare.py` left to be shown once."""
    say(f"Gatehouse is at {site} (Ctrl-C stops it)")
    try:
        said = announcement.read_text()
    except FileNotFoundError:
        return
    say(said)
    announcement.unlink()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ImproperlyConfigured as error:
        sys.exit(str(error))

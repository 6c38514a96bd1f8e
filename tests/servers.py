"""Gatehouse as a user runs it: gunicorn in processes of its own, on a port and a DATA_DIR of its own.

`started` gives one to a block; conftest's fixture `gatehouse` is one that many tests share, on SQLite with
one worker and on PostgreSQL with two. Databases are copies of one that was migrated once. Rows are read by
plain SQL, beside the application. Linux only, as the gateway is.
"""

import base64
import contextlib
import functools
import hashlib
import hmac
import http.client
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests import postgres, processes
from tests.own_provider import OwnProvider

ROOT = Path(__file__).resolve().parent.parent
SECRETS = {
    "SECRET_KEY": "tests-only-" + "k" * 40,
    "CREDENTIAL_KEYS": base64.urlsafe_b64encode(b"tests only: thirty-two bytes, ok").decode(),
}
# What settings.SANDBOX_KEY makes of it.
SANDBOX_KEY = (
    "sk-sandbox-" + hmac.new(SECRETS["SECRET_KEY"].encode(), b"sandbox", hashlib.sha256).hexdigest()[:40]
)
OWN_SECRET = "sk-own-canary-5d0c6b1f7a394e28"  # stored for the virtual keys openai-own and anthropic-own
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Kind:
    """What the suite runs on."""

    database: str
    workers: int


KINDS = {"sqlite-1-worker": Kind("sqlite", 1), "postgres-2-workers": Kind("postgres", 2)}


@dataclass
class Answer:
    """A whole answer to a call."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Gatehouse:
    """A server, running or not: `start` and `kill` may follow one another on the same data."""

    data: Path
    port: int
    environment: dict[str, str]
    keys: dict[str, str]
    database_url: str = ""
    master: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_key(self) -> str:
        return self.keys["api_key"]

    @property
    def log(self) -> Path:
        """What all its processes wrote to standard output and error. Beside DATA_DIR, not in it."""
        return self.data.parent / "server.log"

    # Life and death.

    def start(self, within: Iterable[str] = ()) -> None:
        """Start all of it, by way of the command `within`; returns when it says that it is ready."""
        self.launch(within)
        self.wait_until_ready()

    def launch(self, within: Iterable[str] = ()) -> None:
        """The same, without the wait."""
        command = [*within, sys.executable, "-m", "gunicorn"]
        with self.log.open("ab") as log:
            self.master = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_ready(self, seconds: float = 30) -> None:
        def ready() -> bool:
            assert self.master
            assert self.master.poll() is None, f"The server ended:\n{self.log.read_text()[-4000:]}"
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.ask(method="GET", path="/readyz", timeout=5).status == 200
            return False

        assert within(seconds, ready), f"Not ready in {seconds} s:\n{self.log.read_text()[-4000:]}"

    def kill(self) -> None:
        """SIGKILL for every process at once, the ingester included."""
        while pids := processes.of(self.data):
            processes.kill(pids)
        assert self.master
        self.master.wait()

    def stop(self, seconds: float = 30) -> bool:
        """SIGTERM, as a service manager does; whether all of it ended by itself. It has ended in any case."""
        assert self.master
        if self.master.poll() is None:
            self.master.send_signal(signal.SIGTERM)
        ended = processes.wait_until_none(self.data, seconds)
        self.kill()
        return ended

    # Calls.

    def ask(
        self,
        body: Any = None,
        *,
        path: str = CHAT,
        method: str = "POST",
        virtual_key: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        """One request on a connection of its own, its answer read to the end. `key=""` sends none."""
        with self.opened(
            body, path=path, method=method, virtual_key=virtual_key, key=key, headers=headers, timeout=timeout
        ) as response:
            return Answer(response.status, response.headers, response.read())

    @contextlib.contextmanager
    def opened(
        self,
        body: Any = None,
        *,
        path: str = CHAT,
        method: str = "POST",
        virtual_key: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer as soon as its headers are there; the connection is closed with the block."""
        sent = self.headers(virtual_key, key) | (headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, sent)
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def headers(self, virtual_key: str | None = None, key: str | None = None) -> dict[str, str]:
        key = self.api_key if key is None else key
        sent = {"content-type": "application/json"}
        if key:
            sent["x-portkey-api-key"] = key
        if virtual_key:
            sent["x-portkey-virtual-key"] = virtual_key
        return sent

    def chat(self, text: str = "Hello", *, virtual_key: str = "openai-sandbox", **options: Any) -> Answer:
        """A chat call; what `ask` does not know goes into the body."""
        known = {n: options.pop(n) for n in ("key", "headers", "timeout", "path") if n in options}
        return self.ask(question(text, **options), virtual_key=virtual_key, **known)

    # Its saved configs.

    @functools.cached_property
    def configs_key(self) -> str:
        """An API key of the default workspace that may make and change configs."""
        scopes = [f"--scope=configs.{verb}" for verb in ("create", "update", "read")]
        return self.manage("create_api_key", "configs", *scopes)

    def save_config(self, config: Any, key: str | None = None) -> str:
        """A saved config; its slug."""
        told = {"name": "Of the tests", "config": config}
        answer = self.ask(told, path="/v1/configs", key=key or self.configs_key)
        assert answer.status == 200, answer.body
        return str(answer.json()["slug"])

    def change_config(self, slug: str, **told: Any) -> None:
        """Change what is told: `config`, `status`, `name`."""
        answer = self.ask(told, path=f"/v1/configs/{slug}", method="PUT", key=self.configs_key)
        assert answer.status == 200, answer.body

    # What it wrote.

    def rows(self, condition: str = "1 = 1", *values: Any) -> list[dict[str, Any]]:
        """Rows of the request log, oldest first."""
        return self.query(f"SELECT * FROM logs_requestlog WHERE {condition} ORDER BY id", *values)

    def query(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Straight from the database of the log; `?` stands for a value."""
        if self.database_url:
            with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
                return list(connection.execute(statement.replace("?", "%s"), values))
        with contextlib.closing(
            sqlite3.connect(f"file:{self.data}/logs.sqlite3?mode=ro", uri=True, timeout=10)
        ) as lite:
            lite.row_factory = sqlite3.Row
            return [dict(row) for row in lite.execute(statement, values)]

    def row(self, trace: str, seconds: float = 15) -> dict[str, Any]:
        """The one row of the call with this trace id, waited for."""
        assert within(seconds, lambda: self.rows("trace_id = ?", trace)), (
            f"No row for {trace} in {seconds} s."
        )
        (row,) = self.rows("trace_id = ?", trace)
        return row

    def traces(self, prefix: str) -> list[str]:
        """The trace ids of all rows that begin so; one that has two rows stands there twice."""
        rows = self.query("SELECT trace_id FROM logs_requestlog WHERE trace_id LIKE ?", f"{prefix}%")
        return [row["trace_id"] for row in rows]

    # Its commands.

    def manage(self, *arguments: str) -> str:
        """What `manage.py` prints."""
        return self.run("manage.py", *arguments)

    def python(self, code: str) -> str:
        """What `code` prints, run with Django set up on this server's databases."""
        return self.run("-c", f"import django; django.setup()\n{code}")

    def run(self, *arguments: str) -> str:
        settings = {"DJANGO_SETTINGS_MODULE": "gateway_site.settings"}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment | settings,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def question(text: str = "Hello", **options: Any) -> dict[str, Any]:
    """The body of a chat call."""
    return {"model": "sandbox-model", "messages": [{"role": "user", "content": text}], **options}


def events(response: http.client.HTTPResponse) -> Iterator[str]:
    """The data of each event of a stream, as they come."""
    for line in response:
        if line.startswith(b"data:"):
            yield line[5:].strip().decode()


def text_of(datas: list[str]) -> str:
    """The text that a chat stream's events amount to."""
    chunks = [json.loads(data) for data in datas if data != "[DONE]"]
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk.get("choices", []))


def within(seconds: float, holds: Callable[[], Any]) -> bool:
    """Whether `holds` became true in time; asked often."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def new_trace() -> str:
    return f"test-{uuid.uuid4().hex}"


class Yard:
    """Where servers are started for a session of tests: their directories, one PostgreSQL, one provider."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gatehouse-tests-"))
        self.provider = OwnProvider()
        self.numbers = itertools.count(1)

    def close(self) -> None:
        self.provider.close()
        if "server" in self.__dict__:
            self.server.close()
        shutil.rmtree(self.home)

    @functools.cached_property
    def server(self) -> postgres.Own | postgres.Given:
        """The PostgreSQL that is never stopped."""
        return postgres.start()

    @functools.cached_property
    def sqlite_template(self) -> tuple[Path, dict[str, str]]:
        data = self.home / "template"
        return data, self.prepare(data, {})

    @functools.cached_property
    def postgres_template(self) -> tuple[str, dict[str, str]]:
        name = self.database("template")
        url = self.server.create(name)
        return name, self.prepare(self.home / "template-of-postgres", {"DATABASE_URL": url})

    def prepare(self, data: Path, more: dict[str, str]) -> dict[str, str]:
        """Migrate and fill the databases that `more` names or `data` holds; the keys made."""
        data.mkdir(mode=0o700)
        done = subprocess.run(
            [sys.executable, "-m", "tests.prepare", self.provider.url, OWN_SECRET],
            cwd=ROOT,
            env=environment(data, 8000) | more | {"DJANGO_SETTINGS_MODULE": "gateway_site.settings"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def database(self, name: str) -> str:
        """A name that no other session of tests uses on the same server."""
        return f"gatehouse_{name.replace('-', '_')}_{os.getpid()}"

    @contextlib.contextmanager
    def started(self, kind: Kind, on: postgres.Server | None = None, **settings: str) -> Iterator[Gatehouse]:
        """A server for the block, its database made in `on` if given; `settings` are its environment."""
        with self.made(kind, on, **settings) as gatehouse:
            gatehouse.start()
            yield gatehouse

    @contextlib.contextmanager
    def made(self, kind: Kind, on: postgres.Server | None = None, **settings: str) -> Iterator[Gatehouse]:
        """The same, not yet started."""
        home = self.home / f"server-{next(self.numbers)}"
        home.mkdir()
        port = postgres.free_port()
        env = environment(home / "data", port) | {"WEB_CONCURRENCY": str(kind.workers)} | settings
        if kind.database == "sqlite":
            prepared, keys = self.sqlite_template
            shutil.copytree(prepared, home / "data")
            url = ""
        elif on:
            url = env["DATABASE_URL"] = on.create(self.database(home.name))
            keys = self.prepare(home / "data", {"DATABASE_URL": url})
        else:
            (home / "data").mkdir(mode=0o700)
            template, keys = self.postgres_template
            url = env["DATABASE_URL"] = self.server.create(self.database(home.name), template)
        gatehouse = Gatehouse(home / "data", port, env, keys, url)
        try:
            yield gatehouse
        finally:
            if gatehouse.master:
                gatehouse.stop(10)
            if url and not on:
                self.server.drop(self.database(home.name))


def environment(data: Path, port: int) -> dict[str, str]:
    """All a server is given, and nothing of what the tests were started with."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(data.parent),
        "LANG": "C.UTF-8",
        "ENV_FILE": "",
        "DATA_DIR": str(data),
        "PORT": str(port),
        "SANDBOX": "1",
        "GRACE_SECONDS": "5",
        **SECRETS,
    }

"""`make run` on a machine that has nothing yet: a copy of the tree, without .venv, data or a user's .env.

The first start installs everything that runs, which is most of what these tests take.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests import processes
from tests.postgres import free_port

pytestmark = [pytest.mark.server, pytest.mark.timed]

ROOT = Path(__file__).resolve().parent.parent
OURS = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
OPENAI_SECRET = "sk-of-the-first-run-7f2c"
NO_REGISTRY = {"PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_EXTRA_INDEX_URL": "", "PIP_RETRIES": "0"}
FIRST_SECONDS, LATER_SECONDS = 300, 30


@dataclass
class Machine:
    """A copy of the tree, and the port it serves on."""

    tree: Path
    port: int

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.tree / "var"

    def environment(self, **more: str) -> dict[str, str]:
        theirs = {
            name: value
            for name, value in os.environ.items()
            if name not in OURS | {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
        }
        # DATA_DIR is the default; said, so that the processes can be told from others.
        ours = {"PORT": str(self.port), "DATA_DIR": str(self.data), "ENV_FILE": "", "GRACE_SECONDS": "5"}
        return theirs | ours | {"PYTHON": sys.executable} | more

    @contextmanager
    def running(self, until: str, seconds: float, **more: str):
        """`make run` in a terminal; yields what it printed up to the line with `until`. Ctrl-C ends it."""
        make = subprocess.Popen(
            ["make", "run"],
            cwd=self.tree,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        overdue = threading.Timer(seconds, os.killpg, (make.pid, signal.SIGKILL))
        overdue.start()
        try:
            yield printed(make.stdout, until)
        finally:
            overdue.cancel()
            if make.poll() is None:
                os.killpg(make.pid, signal.SIGINT)
            ended = processes.wait_until_none(self.data, 30)
            processes.kill(processes.of(self.data))
            make.communicate(timeout=10)
            assert ended, "Ctrl-C left processes behind."

    def refused(self, *command: str, **more: str) -> str:
        """What a start that cannot be says."""
        done = subprocess.run(
            command or ["make", "run"],
            cwd=self.tree,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=LATER_SECONDS,
        )
        assert done.returncode
        return "\n".join(line for line in done.stderr.splitlines() if not line.startswith("make: ***"))


def printed(lines, until: str) -> str:
    said = ""
    for line in lines:
        said += line
        if until in line:
            return said
    raise AssertionError(f"`make run` ended before it printed {until!r}:\n{said}")


def copy_tree(target: Path) -> Path:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(
        listed, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return Machine(copy_tree(tmp_path_factory.mktemp("tree")), free_port())


@dataclass
class FirstStart:
    said: str
    answer: dict
    login: requests.Response


@pytest.fixture(scope="module")
def first(machine):
    """The first start, with what it printed tried out."""
    with machine.running("    -d '", FIRST_SECONDS, OPENAI_API_KEY=OPENAI_SECRET) as said:
        curl = said[said.index("curl ") :]
        pasted = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=30)
        return FirstStart(said, json.loads(pasted.stdout), log_in(machine, said))


def log_in(machine: Machine, said: str) -> requests.Response:
    user, password = re.search(r"user (\S+), password (\S+)", said).groups()
    with requests.Session() as session:
        page = session.get(f"{machine.site}/admin/login/", timeout=10)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        form = {"username": user, "password": password, "csrfmiddlewaretoken": token}
        return session.post(f"{machine.site}/admin/login/?next=/admin/", form, timeout=10)


def test_the_printed_curl_works_as_pasted(first):
    assert "Hello" in first.answer["choices"][0]["message"]["content"]


def test_the_printed_password_opens_the_admin(first):
    assert first.login.status_code == 200
    assert first.login.url.endswith("/admin/")


def test_providers_whose_key_is_at_hand_become_virtual_keys(first):
    assert "virtual keys  openai-sandbox, anthropic-sandbox, openai\n" in first.said
    assert OPENAI_SECRET not in first.said


def test_only_what_runs_is_installed(first, machine):
    assert not list((machine.tree / ".venv").glob("lib/*/site-packages/pytest*"))


def test_what_it_keeps_is_for_its_owner_alone(first, machine):
    kept = {path.name: path.stat().st_mode & 0o077 for path in [machine.data, *machine.data.rglob("*")]}
    assert kept.keys() >= {"gatehouse.sqlite3", "logs.sqlite3", "journal", "secrets"}
    assert kept == dict.fromkeys(kept, 0)
    assert {path.name for path in (machine.data / "secrets").iterdir()} == {"secret_key", "credential_keys"}


def test_the_second_start_serves_at_once_asks_no_registry_and_repeats_no_secret(first, machine):
    began = time.monotonic()
    with machine.running("Gatehouse is at", LATER_SECONDS, **NO_REGISTRY) as said:
        assert time.monotonic() - began < 15
        assert said.strip() == f"Gatehouse is at {machine.site} (Ctrl-C stops it)"
        key = re.search(r"x-portkey-api-key: (\S+)'", first.said)[1]
        body = {"model": "@anthropic-sandbox/claude", "messages": [{"role": "user", "content": "Again"}]}
        answer = requests.post(
            f"{machine.site}/v1/chat/completions", json=body, headers={"x-portkey-api-key": key}, timeout=10
        )
        assert answer.status_code == 200


def test_a_taken_port_is_one_clear_line(first, machine):
    with socket.create_server(("127.0.0.1", machine.port)):
        said = machine.refused()
    assert said == (
        f"Port {machine.port} of 127.0.0.1 is taken. Choose another: make run PORT={machine.port + 1}"
    )


def test_a_data_directory_that_cannot_be_written_to_is_one_clear_line(first, machine):
    said = machine.refused(DATA_DIR=str(machine.tree / "Makefile" / "var"))
    assert re.fullmatch(
        r"\S+/Makefile/var cannot be written to \(.+\)\. Name another: make run DATA_DIR=/path", said
    )


def test_a_value_that_will_not_do_is_one_clear_line(first, machine):
    assert machine.refused(PORT="eighty") == "PORT must be a number, not 'eighty'."


def test_a_database_that_is_away_is_said_without_its_password(first, machine):
    said = machine.refused(DATABASE_URL="postgres://gatehouse:hush@127.0.0.1:9/gatehouse")
    assert said.splitlines()[-1].startswith("The database cannot be used: ")
    assert "hush" not in said


def test_a_lost_credential_key_is_not_replaced_in_silence(first, machine):
    kept = machine.data / "secrets" / "credential_keys"
    aside = kept.rename(machine.tree / "aside")
    said = machine.refused()
    aside.rename(kept)
    assert re.fullmatch(r"\S+/credential_keys is gone, and \S+/gatehouse.sqlite3 was sealed with it\.", said)


def under(condition: str) -> list[str]:
    """scripts/set_up.py on a Python of which `condition` has been made true."""
    program = f"import runpy, sys; sys.argv = ['', 'requirements.txt']; {condition}"
    return [sys.executable, "-c", f"{program}; runpy.run_path('scripts/set_up.py', run_name='__main__')"]


@pytest.fixture
def bare(tmp_path):
    """A tree in which nothing has been installed."""
    for name in ("scripts", "requirements.txt"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    return Machine(tmp_path, 1)


def test_a_python_that_is_too_old_is_one_clear_line(bare):
    said = bare.refused(*under("sys.version_info = (3, 9, 1, 'final', 0)"))
    assert said.startswith(f"Gatehouse needs Python 3.11 or 3.12; {sys.executable} is 3.9.")
    assert len(said.splitlines()) == 1


def test_a_python_without_venv_is_one_clear_line(bare):
    said = bare.refused(*under("import importlib.util; importlib.util.find_spec = lambda name: None"))
    assert said == f"{sys.executable} comes without venv. On Debian and Ubuntu: apt install python3-venv"


def test_a_tree_that_cannot_be_written_to_is_one_clear_line(bare):
    (bare.tree / ".venv").touch()  # stands in the way for root as well
    said = bare.refused(*under("pass"))
    assert said.splitlines()[-1] == f"{bare.tree} cannot be written to (File exists); .venv belongs there."


def test_every_target_of_make_says_what_it_is_for():
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = {shlex.split(line)[1] for line in done.stdout.splitlines()}
    assert listed == {"run", "test", "check", "bench", "pictures"}

"""Makes .venv and installs a requirements file into it, once: `python3 scripts/set_up.py requirements.txt`.

The standard library alone, since this runs before anything is installed, and under whatever `python3` is.
A mark in .venv holds the digest of what was installed, so that the next start asks no registry. What runs
in the environment afterwards is the Makefile's business.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  an older Python must still be able to read this far
    sys.exit(
        "Gatehouse needs Python 3.11 or 3.12; {} is {}.{}. Name another: make run PYTHON=python3.12".format(
            sys.executable, *sys.version_info[:2]
        )
    )

import hashlib
import importlib.util
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main(requirements: str) -> None:
    """Leave .venv holding what `requirements` lists; quick when it does."""
    mark = VENV / f"{requirements}.installed"
    wanted = digest(ROOT / requirements)
    if PYTHON.exists() and mark.is_file() and mark.read_text() == wanted:
        return
    make_environment()
    install(requirements)
    mark.write_text(wanted)


def digest(requirements: Path) -> str:
    """Of the file, of those it includes by `-r`, and of the Python that would read them."""
    seen = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for path in with_included(requirements):
        seen.update(path.read_bytes())
    return seen.hexdigest()


def with_included(requirements: Path) -> Iterable[Path]:
    yield requirements
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            yield from with_included(requirements.parent / line[3:].strip())


def make_environment() -> None:
    """A virtual environment of this Python, unless there is one that works."""
    if works():
        return
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit(f"{sys.executable} comes without venv. On Debian and Ubuntu: apt install python3-venv")
    say("Making a virtual environment in .venv")
    try:
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.mkdir()
    except OSError as error:
        sys.exit(f"{ROOT} cannot be written to ({error.strerror}); .venv belongs there.")
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)]).returncode:
        sys.exit(f"{sys.executable} could not make a virtual environment in .venv; its reason stands above.")


def works() -> bool:
    """Whether .venv holds a Python of our own version: it may have been removed or upgraded since."""
    if not PYTHON.exists():
        return False
    asked = [str(PYTHON), "-c", "import sys, pip; print(*sys.version_info[:2])"]
    answered = subprocess.run(asked, capture_output=True, text=True)
    return answered.stdout.split() == [str(part) for part in sys.version_info[:2]]


def install(requirements: str) -> None:
    """pip's work, one line of it at a time; what it said last is shown when it fails."""
    say(f"Installing {requirements} (once; a minute or so)")
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "-r", requirements]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as pip:
        last = show(pip.stdout or ())
    if pip.returncode:
        say("\n".join(last))
        sys.exit(f"pip could not install {requirements}; its reason stands above.")


def show(lines: Iterable[str]) -> list[str]:
    """Where pip is, on one line of a terminal and else not at all; returns its last twenty lines."""
    last: list[str] = []
    terminal = sys.stderr.isatty()
    for line in lines:
        last = [*last[-19:], line.rstrip()]
        if terminal:
            sys.stderr.write(f"\r\033[K  {line.strip()[:70]}")
            sys.stderr.flush()
    if terminal:
        sys.stderr.write("\r\033[K")
    return last


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1])

"""Tests that need what not every machine has: run where it is found, and named at the end where it is not.

A test says so by its mark, `browser` or `node`. Where `GATEHOUSE_REQUIRE` names the tool, as in `.ci/run`,
its absence is a failure. What asks for the fixture `yard` starts a server, and gets the mark `server` here.
"""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent / "node" / "node_modules"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LEFT_OUT = pytest.StashKey[Counter[str]]()


def chromium() -> str | None:
    """The browser's path."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def node() -> str | None:
    """Node's path, if the packages its tests use are there as well; `make test` installs them by npm."""
    return shutil.which("node") if PACKAGES.is_dir() else None


# For each mark: the tool's name, where it is, how to get it.
NEEDS = {
    "browser": ("chromium", chromium, "install chromium"),
    "node": ("node", node, "install nodejs and npm, then run: npm ci --prefix tests/node"),
}


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()
    required = os.environ.get("GATEHOUSE_REQUIRE", "").split(",")
    for tool, find, remedy in NEEDS.values():
        if tool in required and not find():
            raise pytest.UsageError(f"{tool} is required and was not found: {remedy}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "yard" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.server)
    absent = {mark for mark, (_, find, _) in NEEDS.items() if not find()}
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in absent)]
    for item in left_out:
        config.stash[LEFT_OUT].update(mark for mark in absent if item.get_closest_marker(mark))
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for mark, count in config.stash[LEFT_OUT].items():
        tool, _, remedy = NEEDS[mark]
        terminalreporter.write_line(
            f"NOT RUN: {count} tests need {tool}. To run them, {remedy}.", yellow=True
        )

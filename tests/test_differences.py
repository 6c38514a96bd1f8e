"""docs/differences.md names, for each difference, a test or a recorded exchange; all of them exist."""

import re

from tests.servers import ROOT

TEXT = (ROOT / "docs" / "differences.md").read_text()
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| Portkey")]
TESTS = {
    name
    for path in (ROOT / "tests").glob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


def shown_by(row: str) -> list[str]:
    return re.findall(r"`([^`]+)`", row.rsplit(" | ", 1)[1])


def test_every_difference_names_what_shows_it():
    assert [row for row in ROWS if not shown_by(row)] == []


def test_what_is_named_exists():
    named = {name for row in ROWS for name in shown_by(row)}
    recordings = {name for name in named if name.endswith(".json")}
    assert {name for name in recordings if not (ROOT / "tests" / "wire" / name).is_file()} == set()
    assert named - recordings - TESTS == set()


def test_every_table_begins_as_one():
    for block in TEXT.split("\n\n"):
        if block.startswith("|"):
            assert block.splitlines()[1] == "|---|---|---|"

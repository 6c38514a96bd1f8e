"""A call that no row can be made of is set aside with its bodies, and stops nothing behind it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest

from logs.ids import new_id
from logs.ingester import Ingester
from logs.journal import Writer
from logs.models import RequestLog
from providers.types import Usage

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

TOO_DEEP = orjson.Fragment(b"[" * 1000 + b"]" * 1000)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "journal", body_bytes=64 << 10, segment_bytes=1 << 20)
    yield writer
    writer.leave()


@pytest.fixture
def ingester(writer: Writer) -> Iterator[Ingester]:
    ingester = Ingester(writer.folder, Event())
    yield ingester
    ingester.journal.close()


def run(writer: Writer, opened: dict[str, Any], closed: dict[str, Any]) -> str:
    call = new_id()
    writer.opened(call, {"model": "gpt-4o"} | opened, b"asked \xff")
    writer.closed(call, {"outcome": "finished", "status": 200} | closed, {"response": b"answered"})
    return call


@pytest.mark.parametrize(
    "opened, closed",
    [
        ({"time": 1e18}, {}),
        ({"time": "noon"}, {}),
        ({"metadata": ["a"]}, {}),
        ({"body_bytes": [1]}, {"attempts": [{}]}),
        ({}, {"usage": "many"}),
        ({}, {"error": 7}),
        ({}, {"status": [200]}),
        ({}, {"attempts": TOO_DEEP}),
    ],
)
def test_a_poisonous_call_is_set_aside_with_its_bodies_and_stops_none(writer, ingester, opened, closed):
    before, poison, after = run(writer, {}, {}), run(writer, opened, closed), run(writer, {}, {})
    ingester.drain()
    assert {str(log.id) for log in RequestLog.objects.all()} == {before, after}
    kept = json.loads((writer.folder / "refused" / f"{poison}.json").read_text())
    assert kept["reason"]
    assert {body["kind"] for body in kept["bodies"]} == {"request", "response"}
    writer.leave()
    ingester.drain()
    assert list(writer.folder.glob("*.journal")) == []


def test_the_bodies_of_a_call_set_aside_are_as_they_were(writer, ingester):
    poison = run(writer, {"time": "noon"}, {})
    ingester.drain()
    kept = json.loads((writer.folder / "refused" / f"{poison}.json").read_text())
    bodies = {body["kind"]: base64.b64decode(body["content"]) for body in kept["bodies"]}
    assert bodies == {"request": b"asked \xff", "response": b"answered"}


def test_half_a_surrogate_pair_in_a_model_costs_no_row(writer, ingester):
    model = "@slug/gpt-4o\ud800"
    call = run(writer, {"model": model}, {"model": model, "usage": Usage(input=3, output=4)})
    ingester.drain()
    log = RequestLog.objects.get(id=call)
    assert (log.model, log.input_tokens, log.output_tokens) == ("@slug/gpt-4o\ufffd", 3, 4)
    assert not ingester.store.refused.exists()

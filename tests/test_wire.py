"""Each file under wire/ is one exchange with one provider: asked, sent, replied, answered."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from providers.catalog import PROVIDERS
from providers.errors import Garbled, Unrenderable
from providers.framing import sse_frames
from providers.types import Ask, Credential, Reading

WIRE = Path(__file__).parent / "wire"
EXCHANGES = sorted(WIRE.glob("*/*.json"))
DIALECTS = {"chatComplete": "chat", "complete": "completions", "embed": "embeddings", "models": "models"}


class Exchange:
    """One recording, and the call it begins with."""

    def __init__(self, path):
        self.provider = PROVIDERS[path.parent.name]
        self.wire = json.loads(path.read_text())
        self.fn = self.wire.get("fn", "chatComplete")
        asked = self.wire["asked"]
        self.ask = Ask(
            DIALECTS[self.fn],
            asked,
            json.dumps(asked, ensure_ascii=False).encode(),
            self.wire.get("model", asked.get("model", "")),
            strict=self.wire.get("strict", True),
            headers=self.wire.get("headers", {}),
            custom_host=self.wire.get("custom_host", False),
        )
        self.sse = path.with_suffix(".sse").read_bytes() if path.with_suffix(".sse").exists() else b""

    def request(self):
        settings = self.wire.get("settings", {})
        return self.provider.request(self.fn, self.ask, Credential("secret", settings))

    def replied(self):
        replied = self.wire["replied"]
        return replied.encode() if isinstance(replied, str) else json.dumps(replied).encode()

    def told_of_failure(self):
        return self.provider.problem(self.fn, self.wire["status"], self.replied(), self.ask.model)

    def stream(self, chunks):
        reading = Reading()
        return list(self.provider.stream(self.fn, self.ask, chunks, reading)), reading


def exchanges(wanted):
    chosen = [
        path for path in EXCHANGES if wanted(json.loads(path.read_text()), path.with_suffix(".sse").exists())
    ]
    return pytest.mark.parametrize(
        "exchange", [Exchange(p) for p in chosen], ids=[f"{p.parent.name}-{p.stem}" for p in chosen]
    )


def learnt(reading, expected):
    """The facts of a reading that the recording names."""
    facts = asdict(reading)
    if facts["usage"]:
        facts["usage"] = {name: count for name, count in facts["usage"].items() if count}
    return {name: list(fact) if isinstance(fact := facts[name], tuple) else fact for name in expected}


@exchanges(lambda wire, streamed: "refused" not in wire)
def test_the_question_is_put_in_the_providers_words(exchange):
    request = exchange.request()
    assert (json.loads(request.body) if request.body else None) == exchange.wire["sent"]
    assert request.url.endswith(exchange.wire.get("path", ""))
    assert request.method == ("GET" if exchange.wire["sent"] is None else "POST")
    assert sorted(request.ignored) == exchange.wire["ignored"]
    assert exchange.wire.get("sent_headers", {}).items() <= request.headers.items()
    assert not set(exchange.wire.get("unsent_headers", ())) & set(request.headers)


@exchanges(lambda wire, streamed: "refused" in wire)
def test_what_cannot_be_put_in_the_providers_words_is_refused(exchange):
    with pytest.raises(Unrenderable) as refusal:
        exchange.request()
    assert exchange.wire["refused"] in refusal.value.message
    assert refusal.value.status == 400


@exchanges(lambda wire, streamed: "answered" in wire)
def test_the_whole_answer_is_told_in_the_clients_words(exchange):
    reading = Reading()
    answered = json.loads(exchange.provider.answer(exchange.fn, exchange.ask, exchange.replied(), reading))
    if "created" in answered and "created" not in exchange.wire["answered"]:
        assert isinstance(answered.pop("created"), int)
    assert answered == exchange.wire["answered"]
    assert (reading.content, reading.ended) == (True, True)
    expected = exchange.wire.get("reading", {})
    assert learnt(reading, expected) == expected


@exchanges(lambda wire, streamed: "garbled" in wire)
def test_an_answer_nobody_understands_is_garbled(exchange):
    with pytest.raises(Garbled) as garbled:
        exchange.provider.answer(exchange.fn, exchange.ask, exchange.replied(), Reading())
    assert garbled.value.message == exchange.wire["garbled"]


@exchanges(lambda wire, streamed: "problem" in wire)
def test_an_error_answer_has_one_shape(exchange):
    problem = asdict(exchange.told_of_failure())
    problem.pop("status")
    assert problem == exchange.wire["problem"]


@exchanges(lambda wire, streamed: streamed)
def test_the_stream_is_told_in_the_clients_words(exchange):
    items, reading = exchange.stream([exchange.sse])
    if exchange.wire.get("passed"):
        assert b"".join(items) == passed_on(exchange)
    else:
        assert told(items, exchange.wire["head"]) == (exchange.wire["chunks"], exchange.wire["done"])
    expected = exchange.wire["reading"]
    assert learnt(reading, expected) == expected


def passed_on(exchange):
    removed = exchange.wire.get("removed", ())
    return b"".join(f.raw for n, f in enumerate(sse_frames([exchange.sse])) if n not in removed)


def told(items, head):
    """The chunks a stream consists of, without head, time and comments, and whether [DONE] ends them."""
    *events, rest = b"".join(items).split(b"\n\n")
    assert rest == b""
    done = events[-1:] == [b"data: [DONE]"]
    chunks = []
    for event in events[: len(events) - done]:
        if event.startswith(b":"):
            continue
        assert event.startswith(b"data: ")
        chunk = json.loads(event[6:])
        if "created" not in head:
            assert isinstance(chunk.pop("created"), int)
        assert {name: chunk.pop(name) for name in head} == head
        chunks.append(chunk)
    return chunks, done


@exchanges(lambda wire, streamed: streamed)
def test_a_stream_does_not_depend_on_how_the_bytes_were_cut(exchange):
    whole, learnt_whole = exchange.stream([exchange.sse])
    cuts = [[exchange.sse[:at], exchange.sse[at:]] for at in range(1, len(exchange.sse))]
    cuts.append([exchange.sse[at : at + 1] for at in range(len(exchange.sse))])
    for chunks in cuts:
        items, reading = exchange.stream(chunks)
        assert [untimed(item) for item in items] == [untimed(item) for item in whole]
        assert reading == learnt_whole


def untimed(item):
    """An item without the second it was made in."""
    return re.sub(rb'"created":\d+', b"", item)


@exchanges(lambda wire, streamed: streamed)
def test_a_pause_between_the_bytes_gives_the_driver_control(exchange):
    frames = [frame.raw for frame in sse_frames([exchange.sse])]
    items, _ = exchange.stream([piece for frame in frames for piece in (b"", frame)])
    assert items[0] == b""
    assert [untimed(i) for i in items if i] == [untimed(i) for i in exchange.stream([exchange.sse])[0]]

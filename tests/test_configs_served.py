"""Calls that follow a config on the whole server: under load, in trouble, and between workspaces.

What workers share through Redis is in tests/test_configs_shared.py. Targets are told apart by the models that
their `override_params` give: each stands for one manner of the provider inside the test process.
"""

import contextlib
import http.client
import json
import math
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests import postgres, workers
from tests.own_provider import (
    DONE,
    OPENING,
    SSE,
    answering,
    by_lot,
    chunk,
    in_turn,
    leaving,
    refusing,
    saying,
    silent,
)
from tests.servers import (
    CHAT,
    KINDS,
    OWN_SECRET,
    SANDBOX_KEY,
    Kind,
    events,
    new_trace,
    question,
    text_of,
    within,
)
from tests.test_secrets import ECHOES, headers_of, settle, tables

pytestmark = [pytest.mark.server, pytest.mark.timed]

AT_ONCE = 50  # calls
HELD = 250  # ms that a worker's loop is late at worst: tests/test_loop_held.py says why so many
SECOND = 1.0
SLACK = 1.0  # seconds: a shared machine is no stopwatch
CLOCKS = {"WHOLE_CALL_SECONDS": "2", "BETWEEN_EVENTS_SECONDS": "0.5"}


@pytest.fixture(scope="module")
def served(yard, kind):
    """A server whose clients may name this machine as a host."""
    with yard.started(kind, TRUSTED_CUSTOM_HOSTS="127.0.0.1") as gatehouse:
        workers.introduce(gatehouse)
        yield gatehouse
        log = gatehouse.log.read_text()
        assert "Traceback" not in log, log[-8000:]


@pytest.fixture(scope="module")
def hasty(yard):
    """A server whose clocks run short."""
    with yard.started(KINDS["sqlite-1-worker"], **CLOCKS) as gatehouse:
        yield gatehouse
        assert "Traceback" not in gatehouse.log.read_text()


def target(model, **more):
    """A target that calls the provider inside the test process."""
    return {"virtual_key": "openai-own", "override_params": {"model": model}, **more}


def fallback(*targets, codes=None, **more):
    strategy = {"mode": "fallback"} | ({} if codes is None else {"on_status_codes": codes})
    return {"strategy": strategy, "targets": list(targets), **more}


def balanced(weights, **more):
    """A load balancer over models and their weights."""
    strategy = {"mode": "loadbalance", **more}
    return {
        "strategy": strategy,
        "targets": [target(model, weight=weight) for model, weight in weights.items()],
    }


def following(config, trace=None, **more):
    """The headers of a call that follows a config, or a saved one by its slug."""
    told = config if isinstance(config, str) else json.dumps(config)
    traced = {"x-portkey-trace-id": trace} if trace else {}
    return {"x-portkey-config": told} | traced | {name.replace("_", "-"): each for name, each in more.items()}


def follow(gatehouse, config, trace=None, *, body=None, key=None, **headers):
    """The answer to a call that follows a config."""
    return gatehouse.ask(body or question(), key=key, headers=following(config, trace, **headers))


def many(calls, ask):
    """What `ask(number)` gives for each of so many calls, AT_ONCE of them at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, range(calls)))


def index(answer):
    return answer.headers["x-portkey-last-used-option-index"]


def attempts(row):
    """SQLite keeps them as text."""
    told = row["attempts"]
    return json.loads(told) if isinstance(told, str) else told


def tries(row):
    return [(each["path"], each["status"], each["left"]) for each in attempts(row)]


def rows_of(gatehouse, prefix, calls):
    """The rows of all the calls whose traces begin so, once they are there."""
    assert within(20, lambda: len(gatehouse.traces(prefix)) >= calls)
    found = gatehouse.rows("trace_id LIKE ?", f"{prefix}%")
    assert len(found) == calls
    return found


@contextlib.contextmanager
def every_loop_stays_free(gatehouse):
    """No worker's loop is held while the block runs."""
    with workers.connections(gatehouse) as held:
        for connection in held:
            late(connection)
        yield
        time.sleep(0.2)
        assert max(late(connection) for connection in held) < HELD


def late(connection):
    """By how many ms the loop of the worker behind this connection was late at worst since it was asked."""
    connection.request("GET", "/sandbox/tick", headers={"authorization": f"Bearer {SANDBOX_KEY}"})
    return json.loads(connection.getresponse().read())["worst_ms"]


def near(count, calls, share):
    """Whether a count is within four standard deviations of what its share says."""
    return abs(count - calls * share) <= 4 * math.sqrt(calls * share * (1 - share))


# Under load.


@pytest.mark.alone
def test_each_target_gets_its_share(served, own):
    shares = {own.learn(answering()): share for share in (0.7, 0.2, 0.1)}
    config = balanced(shares)
    answers = many(2_000, lambda _: follow(served, config))
    assert {answer.status for answer in answers} == {200}
    told = Counter(index(answer) for answer in answers)
    for place, (model, share) in enumerate(shares.items()):
        count = own.times_asked(model)
        assert told[f"config.targets[{place}]"] == count
        assert near(count, 2_000, share), told


CALLS, FAILING = 1_000, 0.5


@pytest.mark.alone
def test_a_thousand_calls_fall_back_from_a_target_that_fails_half_the_time(served, own):
    slow_down = refusing(429, retry_after_ms="5")
    first = own.learn(by_lot(1, FAILING, slow_down, answering("first")))
    second = own.learn(by_lot(2, 0.2, refusing(503, "Down."), answering("second")))
    retry = {"attempts": 2, "use_retry_after_header": True}
    config, prefix = fallback(target(first, retry=retry), target(second)), new_trace()
    with every_loop_stays_free(served):
        answers = many(CALLS, lambda number: follow(served, config, f"{prefix}-{number:04d}"))
    rows = {row["trace_id"]: row for row in rows_of(served, prefix, CALLS)}
    for number, answer in enumerate(answers):
        row = rows[f"{prefix}-{number:04d}"]
        assert answer.status == row["status"]
        assert_is_told_in_order(row)
        assert index(answer) == attempts(row)[-1]["path"]
        assert row["total_ms"] < 15_000
    assert {answer.status for answer in answers} == {200, 503}
    asked = own.times_asked(first), own.times_asked(second)
    assert sum(asked) == sum(len(attempts(row)) for row in rows.values()), "Some attempt is not on record."
    assert abs(asked[0] - expected(CALLS)) <= 4 * spread(CALLS)
    assert near(asked[1], CALLS, FAILING**3)


def assert_is_told_in_order(row):
    """Each attempt, why it was left, and whether the call was rescued."""
    told = tries(row)
    firsts = [each for each in told if each[0] == "config.targets[0]"]
    assert len(told) <= 4
    assert told[: len(firsts)] == firsts
    assert [each[1] for each in told[:-1]] == [429] * (len(told) - 1)
    assert [each[2] for each in told[:-1]] == ["retried", "retried", "fell back"][: len(told) - 1]
    assert told[-1][2] == ""
    assert [each["retries"] for each in attempts(row)] == [0, 1, 2, 0][: len(told)]
    assert bool(row["rescued"]) == (len(told) > 1 and row["status"] == 200)
    assert row["retry_count"] == (len(told) - 1 if len(told) < 4 else 0)


def expected(calls):
    """Requests to a target that is asked three times at most."""
    return calls * (1 + FAILING + FAILING**2)


def spread(calls):
    """Its standard deviation."""
    chances = {1: 1 - FAILING, 2: FAILING * (1 - FAILING), 3: FAILING**2}
    mean = sum(times * chance for times, chance in chances.items())
    return math.sqrt(calls * sum(chance * (times - mean) ** 2 for times, chance in chances.items()))


# In trouble.


def test_a_target_that_hangs_is_left_in_its_time(served, own):
    hanging, other, trace = own.learn(silent), own.learn(answering("other")), new_trace()
    config = fallback(target(hanging), target(other), request_timeout=300)
    began = time.monotonic()
    answer = follow(served, config, trace)
    assert time.monotonic() - began < SECOND
    assert (answer.status, index(answer)) == (200, "config.targets[1]")
    row = served.row(trace)
    assert tries(row) == [("config.targets[0]", 408, "fell back"), ("config.targets[1]", 200, "")]
    assert "300ms" in attempts(row)[0]["error"]
    assert row["rescued"] in (True, 1)
    assert own.asked(hanging).gone.wait(2), "What hung is not hung up on."


@pytest.mark.parametrize("spoken", [(), (OPENING,)], ids=["at-once", "after-an-opening"])
def test_a_stream_cut_before_its_first_content_falls_back(served, own, spoken):
    cut = own.learn(saying(*spoken, end=leaving))
    whole = own.learn(saying(OPENING, chunk("Hel"), chunk("lo"), chunk(finish="stop"), DONE, end=leaving))
    trace, config = new_trace(), fallback(target(cut), target(whole))
    answer = follow(served, config, trace, body=question(stream=True))
    assert answer.status == 200
    told = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    assert (told[-1], text_of(told)) == ("[DONE]", "Hello")
    row = served.row(trace)
    assert [each[2] for each in tries(row)] == ["fell back", ""]
    assert (row["outcome"], bool(row["rescued"])) == ("finished", True)


def test_a_stream_cut_after_its_first_content_does_not(served, own):
    cut = own.learn(saying(OPENING, chunk("Hel"), end=leaving))
    other, trace = own.learn(answering()), new_trace()
    config = fallback(target(cut), target(other), retry={"attempts": 1})
    with served.opened(question(stream=True), headers=following(config, trace)) as response:
        told = list(events(response))
    assert text_of(told[:-1]) == "Hel"
    assert json.loads(told[-1])["error"]["message"]
    row = served.row(trace)
    assert (row["outcome"], bool(row["rescued"]), len(attempts(row))) == ("truncated", False, 1)
    assert (own.times_asked(cut), own.times_asked(other)) == (1, 0)


def endless(exchange):
    """A stream that goes on until the other side closes."""
    exchange.send(SSE + OPENING)
    try:
        while True:
            exchange.send(chunk("and so on"))
            time.sleep(0.02)
    finally:
        exchange.gone.set()


def test_a_stream_that_is_fallen_back_from_is_hung_up_on(served, own):
    """Before the next target is asked, and also where there turns out to be none."""

    def waiting(exchange):
        gone = own.asked(streaming).gone.wait(2)
        (answering() if gone else refusing(500))(exchange)

    streaming, other = own.learn(endless), own.learn(waiting)
    body = question(stream=True)
    answer = follow(served, fallback(target(streaming), target(other), codes=[200]), body=body)
    assert (answer.status, index(answer)) == (200, "config.targets[1]")
    strategy = {"mode": "conditional", "conditions": [], "default": "nobody"}
    nowhere, streaming = {"strategy": strategy, "targets": [target(other)]}, own.learn(endless)
    answer = follow(served, fallback(target(streaming), nowhere, codes=[200]), body=body)
    assert answer.status == 400
    assert own.asked(streaming).gone.wait(2)


def test_a_time_out_that_was_fallen_back_from_is_not_how_the_call_ended(served, own):
    hanging, streaming, trace = own.learn(silent), own.learn(endless), new_trace()
    config = fallback(target(hanging), target(streaming), request_timeout=300)
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    sent = served.headers() | following(config, trace)
    connection.request("POST", CHAT, json.dumps(question(stream=True)), sent)
    with connection.getresponse() as response:
        assert response.read(200)
        time.sleep(0.3)  # what is not read makes it a reset: the gateway's next write fails
    connection.close()
    row = served.row(trace)
    assert row["outcome"] == "abandoned"
    assert "did not answer" not in row["error_message"] + attempts(row)[-1]["error"]
    assert own.asked(streaming).gone.wait(2)


def test_a_client_that_leaves_while_a_retry_is_waited_for_ends_the_call(served, own):
    model = own.learn(refusing(429, retry_after="30"))
    retry = {"attempts": 3, "use_retry_after_header": True}
    other, trace = own.learn(answering()), new_trace()
    left = leave(served, own, fallback(target(model, retry=retry), target(other)), trace, model)
    row = served.row(trace, seconds=4)
    assert row["outcome"] == "abandoned"
    assert row["total_ms"] / 1000 < left + 2
    assert (own.times_asked(model), own.times_asked(other)) == (1, 0)


def leave(gatehouse, own, config, trace, model):
    """Ask, and leave when the provider has answered; the seconds until then."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", gatehouse.port, timeout=20)
    connection.request("POST", CHAT, json.dumps(question()), gatehouse.headers() | following(config, trace))
    own.asked(model)
    time.sleep(0.3)
    connection.close()
    return time.monotonic() - began


def test_the_time_of_the_whole_call_ends_a_long_chain(hasty, own):
    """With what came last, which is the time-out of the target that was being asked."""
    models = [own.learn(silent) for _ in range(10)]
    config, trace = fallback(*map(target, models), request_timeout=600), new_trace()
    began = time.monotonic()
    answer = follow(hasty, config, trace)
    assert 1.9 < time.monotonic() - began < 2 + SLACK
    assert answer.status == 408
    row = hasty.row(trace)
    assert [status for _, status, _ in tries(row)] == [408] * len(tries(row))
    assert len(tries(row)) == 4
    assert index(answer) == "config.targets[3]"
    assert (row["outcome"], row["status"], bool(row["rescued"])) == ("failed", 408, False)
    assert own.times_asked(models[4]) == 0


def test_a_retry_that_would_come_too_late_is_not_waited_for(hasty, own):
    model, other, trace = own.learn(refusing(500, "Down.")), own.learn(answering()), new_trace()
    config = fallback(target(model, retry={"attempts": 5}), target(other))
    answer = follow(hasty, config, trace)
    assert (answer.status, index(answer)) == (200, "config.targets[1]")
    assert [left for _, _, left in tries(hasty.row(trace))] == ["retried", "fell back", ""]


def test_the_clock_between_events_does_not_run_while_a_retry_is_waited_for(hasty, own):
    """Nor does any other of the attempt before; the wait is a second, the clock half of one."""
    cut = saying(OPENING, end=leaving)
    manners = [refusing(500), cut, leaving]
    models = [own.learn(in_turn(failing, answering())) for failing in manners]
    traces = [new_trace() for _ in models]

    def ask(number):
        config = {**target(models[number]), "retry": {"attempts": 1, "on_status_codes": [500, 502, 503]}}
        body = question(stream=manners[number] is cut)
        return follow(hasty, config, traces[number], body=body)

    assert [answer.status for answer in many(3, ask)] == [200, 200, 200]
    for trace in traces:
        row = hasty.row(trace)
        assert [left for _, _, left in tries(row)] == ["retried", ""]
        assert row["gateway_ms"] < 500, "The wait is counted as the gateway's own time."


def test_calls_that_wait_for_a_retry_have_their_grace(yard, own):
    """At SIGTERM one is answered within it; one whose wait is longer is told to come again."""
    short = own.learn(in_turn(refusing(429, retry_after="1"), answering("late")))
    long = own.learn(refusing(429, retry_after="30"))
    retry = {"attempts": 1, "use_retry_after_header": True}
    with yard.started(KINDS["sqlite-1-worker"], GRACE_SECONDS="2") as gatehouse:
        traces = {model: new_trace() for model in (short, long)}

        def ask(model):
            return follow(gatehouse, fallback(target(model, retry=retry), target(model)), traces[model])

        with ThreadPoolExecutor(2) as pool:
            asking = [pool.submit(ask, model) for model in traces]
            for model in traces:
                own.asked(model)
            time.sleep(0.3)
            assert gatehouse.stop(20)
            served, interrupted = (each.result() for each in asking)
        assert (served.status, served.json()["choices"][0]["message"]["content"]) == (200, "late")
        assert (interrupted.status, interrupted.headers["retry-after"]) == (503, "5")
        rows = {model: gatehouse.row(trace) for model, trace in traces.items()}
        assert (rows[short]["outcome"], bool(rows[short]["rescued"])) == ("finished", True)
        assert (rows[long]["outcome"], rows[long]["status"]) == ("interrupted", 503)
        assert own.times_asked(long) == 1


def test_saved_configs_that_are_known_work_while_the_database_is_away(yard, own):
    known, unknown = own.learn(answering("known")), own.learn(answering("unknown"))
    with yard.made(Kind("postgres", 2)) as gatehouse, relayed(gatehouse) as relay:
        gatehouse.start()
        slugs = [gatehouse.save_config(fallback(target(model))) for model in (known, unknown)]
        virtual_key = own.learn(answering())
        with workers.connections(gatehouse) as held:
            assert {ask_on(each, gatehouse, slugs[0])[0] for each in held} == {200}
            relay.stop()
            assert {ask_on(each, gatehouse, slugs[0]) for each in held} == {(200, "config.targets[0]")}
            refused = [follow(gatehouse, slugs[1]), follow(gatehouse, "pc-nobody-000000")]
            assert {answer.status for answer in refused} == {503}
            assert all(answer.headers["retry-after"] for answer in refused)
            inline = follow(gatehouse, fallback(target(virtual_key)))
            assert inline.status == 200
            stranger = fallback({"virtual_key": "never-seen"}, target(virtual_key))
            assert follow(gatehouse, stranger).status == 503
            relay.start()
        assert within(10, lambda: follow(gatehouse, slugs[1]).status == 200)
        assert within(10, lambda: follow(gatehouse, "pc-nobody-000000").status == 400)


@contextlib.contextmanager
def relayed(gatehouse):
    """What stands between the server and its database, so that the one can be away for the other."""
    relay = postgres.Given(gatehouse.database_url)
    gatehouse.environment["DATABASE_URL"] = relay.url(urlsplit(gatehouse.database_url).path.strip("/"))
    try:
        yield relay
    finally:
        relay.close()


def ask_on(connection, gatehouse, config):
    """The status of a call on a connection that stays, and which target answered."""
    headers = gatehouse.headers() | following(config)
    connection.request("POST", CHAT, json.dumps(question()), headers)
    response = connection.getresponse()
    response.read()
    return response.status, response.headers["x-portkey-last-used-option-index"]


def test_a_change_is_followed_within_a_second_by_every_worker(served, own):
    before, after = own.learn(answering()), own.learn(answering())
    slug = served.save_config(fallback(target(before)))
    with workers.connections(served) as held:

        def told():
            return {ask_on(each, served, slug) for each in held}

        assert told() == {(200, "config.targets[0]")}
        served.change_config(slug, config=target(after))
        assert within(SECOND, lambda: told() == {(200, "config")})
        count = own.times_asked(before)
        assert told() == {(200, "config")}
        assert own.times_asked(before) == count
        served.change_config(slug, status="archived")
        assert within(SECOND, lambda: told() == {(400, None)})
        served.change_config(slug, status="active")
        assert within(SECOND, lambda: told() == {(200, "config")})


def test_a_large_body_reaches_each_target_whole(served, own):
    """Twelve times larger than what is still parsed on the loop."""
    models = [own.learn(refusing(500)), own.learn(refusing(500)), own.learn(answering())]
    body = question("é" * 1_000_000)
    with every_loop_stays_free(served):
        answer = follow(served, fallback(*map(target, models)), body=body)
    assert (answer.status, index(answer)) == (200, "config.targets[2]")
    for model in models:
        assert json.loads(own.asked(model).body) == body | {"model": model}


def test_a_config_of_a_hundred_kilobytes_is_followed(served, own):
    first, last = own.learn(refusing(500)), own.learn(answering())
    between = [{"name": "x" * 210, "virtual_key": "openai-own"}] * 400
    config = fallback(target(first), target(last), *between)
    assert 100_000 < len(json.dumps(config)) < 125_000
    with every_loop_stays_free(served):
        answer = follow(served, config)
    assert (answer.status, index(answer)) == (200, "config.targets[1]")


@pytest.mark.alone
@pytest.mark.parametrize(("begins", "status"), [("^a+b", 200), ("(\\w{1,500})", 400)])
def test_patterns_by_the_thousand_hold_nobody_up(served, own, begins, status):
    """Large ones are refused: all of a config's together have bounds."""
    model, trace = own.learn(answering()), new_trace()[-6:]
    conditions = [
        {"query": {"metadata.a": {"$regex": f"{begins}{trace}{number}"}}, "then": "b"}
        for number in range(1_000)
    ]
    strategy = {"mode": "conditional", "conditions": conditions, "default": "a"}
    config = {"strategy": strategy, "targets": [target(model, name="a")]}
    with every_loop_stays_free(served):
        answer = follow(served, config, x_portkey_metadata='{"a": "aaaaaaaa"}')
    assert (answer.status, index(answer)) == (status, "config.targets[0]" if status == 200 else None)


def nested(levels):
    config = target("m")
    for _ in range(levels):
        config = fallback(config)
    return config


@pytest.mark.parametrize(
    "config",
    [nested(17), fallback(*[{"retry": {"attempts": 1}}] * 1_001), "[" * 50_000],
    ids=["17-levels", "1001-targets", "50000-brackets"],
)
def test_a_config_that_is_too_much_is_refused(served, config):
    with every_loop_stays_free(served):
        answer = follow(served, config)
    assert answer.status == 400
    assert answer.json()["message"].startswith("Invalid config passed")


# Back to this gateway.


def test_a_target_that_is_this_gateway_itself_ends(served, own):
    """Its own mark tells, whatever headers are to be forwarded: a call makes one more, which is refused."""
    before = len(refused_as_loops(served))
    other, trace = own.learn(answering()), new_trace()
    here = {
        "provider": "openai",
        "api_key": served.api_key,
        "custom_host": f"{served.url}/v1",
        "forward_headers": ["x-portkey-config", "x-portkey-trace-id", "x-gatehouse-hop"],
        "retry": {"attempts": 1, "on_status_codes": [500]},
    }
    answer = follow(served, here, trace)
    assert answer.status == 508
    answer = follow(served, fallback(here, target(other)), trace)
    assert (answer.status, index(answer)) == (200, "config.targets[1]")
    rows = rows_of(served, trace, 2)
    assert [len(attempts(row)) for row in rows] == [1, 2]
    assert within(5, lambda: len(refused_as_loops(served)) >= before + 2)
    assert len(refused_as_loops(served)) == before + 2


def refused_as_loops(gatehouse):
    """Calls that came from the gateway itself: nobody was asked for them."""
    return gatehouse.rows("status = ? AND option_index = ?", 508, "")


LEADING_HOME = """
from keys.creation import create_virtual_key
from keys.models import Workspace
default = Workspace.objects.default()
create_virtual_key(default, "Home", provider="openai", slug="home", secret={secret!r}, custom_host={host!r})
"""


def test_a_virtual_key_that_leads_home_ends_too(served):
    served.python(LEADING_HOME.format(secret=served.api_key, host=f"{served.url}/v1"))
    slug, trace = served.save_config(fallback({"virtual_key": "home"}, {"virtual_key": "home"})), new_trace()
    answer = follow(served, slug, trace)
    assert answer.status == 508
    assert tries(served.row(trace)) == [
        ("config.targets[0]", 508, "fell back"),
        ("config.targets[1]", 508, ""),
    ]


# Between workspaces.


def test_a_config_of_another_workspace_is_none(served, own):
    slug = served.save_config(target(own.learn(answering())))
    assert follow(served, slug).status == 200
    theirs = follow(served, slug, key=served.keys["others_key"])
    assert (theirs.status, theirs.json()["message"]) == (400, "Invalid config id passed")
    nobodys = follow(served, "pc-nobody-000000", key=served.keys["others_key"])
    assert told_alike(theirs) == told_alike(nobodys)


def told_alike(answer):
    return answer.status, answer.body, sorted(name.lower() for name in answer.headers)


NAMING = {
    "virtual_key": {"virtual_key": "others-sandbox"},
    "provider": {"provider": "@others-sandbox"},
    "model": {"override_params": {"model": "@others-sandbox/m"}},
}


@pytest.mark.parametrize("how", NAMING)
@pytest.mark.parametrize("saved", [False, True], ids=["inline", "saved"])
def test_a_config_cannot_name_another_workspaces_virtual_key(served, own, how, saved):
    mine = own.learn(answering())
    for config in (fallback(NAMING[how], target(mine)), fallback(target(mine), NAMING[how])):
        answer = follow(served, served.save_config(config) if saved else config)
        assert (answer.status, answer.json()["message"]) == (
            400,
            "Following keys are not valid: others-sandbox",
        )
    assert own.times_asked(mine) == 0


# What nobody is to see.

INLINE_SECRET = "sk-inline-canary-3f9a1c77be20"
WRONG = [
    {"provider": "openai", "api_key": [INLINE_SECRET]},
    {"provider": INLINE_SECRET, "api_key": INLINE_SECRET},
    {"provider": "openai", "api_key": INLINE_SECRET, "strategy": {"mode": INLINE_SECRET}},
    {"provider": "openai", "api_key": INLINE_SECRET, "options": []},
    {"provider": "openai", "api_key": INLINE_SECRET, "custom_host": f"http://{INLINE_SECRET}@127.0.0.1/"},
    {"provider": "openai", "api_key": INLINE_SECRET, "input_guardrails": ["pg-1"]},
    {"provider": "openai", "api_key": f"{INLINE_SECRET}\r\nx: y"},
    {"provider": "openai", "apiKey": INLINE_SECRET, "custom_host": "http://127.0.0.1:9"},
    {INLINE_SECRET: 1},
    f'{{"provider": "openai", "api_key": "{INLINE_SECRET}"',
]


def test_no_secret_of_a_target_is_shown_or_kept(served, own):
    """Whatever becomes of an attempt, also where the provider repeats every header that it was sent."""
    replies = []
    brought = {"provider": "openai", "api_key": INLINE_SECRET, "custom_host": f"{own.url}/v1"}
    for named in ({"virtual_key": "openai-own"}, brought):
        models = [own.learn(echo) for echo in ECHOES]
        targets = [{**named, "override_params": {"model": model}} for model in models]
        chain = fallback(*targets, codes=list(range(200, 600)))
        again = {
            **named,
            "override_params": {"model": own.learn(slowing_down)},
            "retry": {"attempts": 1, "use_retry_after_header": True},
        }
        for body in (question(), question(stream=True)):
            replies.extend(follow(served, config, body=body) for config in (chain, again, *targets))
        assert [own.times_asked(model) for model in models] == [4] * len(models)
        assert {INLINE_SECRET, OWN_SECRET} & {bearer(own.asked(model)) for model in models}
    replies.extend(follow(served, config) for config in WRONG)
    assert {answer.status for answer in replies[-len(WRONG) :]} == {400, 500, 501}
    settle(served)
    assert found([f"{answer.headers}".encode() + answer.body for answer in replies]) == []
    files = [path for path in [*served.data.rglob("*"), served.log] if path.is_file()]
    assert any(path.suffix == ".journal" for path in files)
    assert found(path.read_bytes() for path in files) == []
    for rows in tables(served).values():
        assert found(str(row).encode() for row in rows) == []
    bodies = served.query("SELECT content FROM logs_logbody")
    assert len(bodies) > len(replies)
    assert found(zlib.decompress(bytes(body["content"])) for body in bodies) == []


def slowing_down(exchange):
    """An error after which to ask again at once."""
    said = json.dumps({"error": {"message": headers_of(exchange)}})
    exchange.reply(429, said, headers={"retry-after-ms": "1", "x-echo": headers_of(exchange)})


def bearer(exchange):
    return exchange.headers["authorization"].removeprefix("Bearer ")


def found(texts):
    """Those in which a secret stands."""
    canaries = [OWN_SECRET.encode(), INLINE_SECRET.encode()]
    return [text[:2_000] for text in texts if any(canary in text for canary in canaries)]

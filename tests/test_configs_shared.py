"""What workers share through Redis of how configs go: open breakers, and who goes where.

The whole server with two workers, with a Redis and without one; connections are told apart by the worker that
serves them. The cooldown of a breaker, half a minute at least, is tried inside the process.
"""

import contextlib
import http.client
import json
import signal
import threading
import time
from collections import Counter

import pytest

from configs.breaker import BREAKERS
from configs.creation import create_config
from keys.creation import create_virtual_key
from tests import processes, redis_server, workers
from tests.own_provider import answering, refusing
from tests.servers import Kind, new_trace, within
from tests.test_configs_served import (
    ask_on,
    balanced,
    every_loop_stays_free,
    fallback,
    follow,
    index,
    many,
    near,
    target,
)

pytestmark = [pytest.mark.server, pytest.mark.alone]

SECOND = 1.0
BACK = 3.0  # seconds after which a Redis that is back is used again, by everybody
SLOWEST = 2.0  # seconds that a call takes while Redis does not answer
FAILURES = 3
STICKY = {"enabled": True, "hash_fields": ["metadata.user"], "ttl": 300}
USERS = 200
FIRST, SECOND_TARGET = "config.targets[0]", "config.targets[1]"


@pytest.fixture(scope="module")
def store():
    """A Redis of these tests' own, which they stop."""
    with redis_server.running() as server:
        yield server


@pytest.fixture(scope="module")
def joined(yard, store):
    """Two workers with a Redis between them."""
    with yard.started(Kind("sqlite", 2), REDIS_URL=store.url) as gatehouse:
        introduce_breakers(gatehouse, yard.provider)
        yield gatehouse
        assert "Traceback" not in gatehouse.log.read_text()


@pytest.fixture(scope="module")
def parted(yard):
    """Two workers that have none."""
    with yard.started(Kind("sqlite", 2)) as gatehouse:
        workers.introduce(gatehouse)
        yield gatehouse
        assert "Traceback" not in gatehouse.log.read_text()


def introduce_breakers(gatehouse, own):
    """Each worker has met a breaker, so it listens; see test_a_new_worker_knows_which_breakers_are_open."""
    slug = breaking(gatehouse, *[own.learn(answering())] * 2)
    with workers.connections(gatehouse) as held:
        assert {ask_on(connection, gatehouse, slug) for connection in held} == {(200, FIRST)}


@pytest.fixture(params=["joined", "parted"])
def either(request):
    return request.getfixturevalue(request.param)


def breaking(gatehouse, failing, other):
    """A saved config whose first target is left alone after three failures."""
    rule = {"failure_threshold": FAILURES, "cooldown_interval": 30_000}
    config = fallback(target(failing), target(other))
    config["strategy"]["cb_config"] = rule
    return gatehouse.save_config(config)


@contextlib.contextmanager
def one_of_each(gatehouse):
    """A connection to the one worker, and one to the other."""
    with workers.connections(gatehouse) as held:
        yield list({workers.serving(gatehouse, connection): connection for connection in held}.values())


def fail(connection, gatehouse, slug, times=FAILURES):
    for _ in range(times):
        assert ask_on(connection, gatehouse, slug) == (200, SECOND_TARGET)


# Breakers.


def test_a_breaker_that_one_worker_opens_is_open_in_the_other_within_a_second(joined, own):
    failing, other = own.learn(refusing(500)), own.learn(answering())
    slug, trace = breaking(joined, failing, other), new_trace()
    with one_of_each(joined) as (one, another):
        fail(one, joined, slug)
        fail(one, joined, slug)
        assert own.times_asked(failing) == FAILURES
        time.sleep(SECOND)
        fail(another, joined, slug)
        assert own.times_asked(failing) == FAILURES
        assert own.times_asked(other) == 3 * FAILURES
    assert follow(joined, slug, trace).status == 200
    row = joined.row(trace)
    skipped = row["skipped"] if isinstance(row["skipped"], list) else json.loads(row["skipped"])
    assert skipped == [FIRST]
    assert not row["rescued"]


def test_the_failures_of_all_workers_add_up(joined, own):
    failing = own.learn(refusing(500))
    slug = breaking(joined, failing, own.learn(answering()))
    with one_of_each(joined) as (one, another):
        fail(one, joined, slug, 2)
        time.sleep(SECOND)
        fail(another, joined, slug, 1)
        time.sleep(SECOND)
        fail(one, joined, slug)
        fail(another, joined, slug)
    assert own.times_asked(failing) == FAILURES


def test_a_new_worker_knows_which_breakers_are_open(joined, own):
    failing = own.learn(refusing(500))
    slug = breaking(joined, failing, own.learn(answering()))
    with one_of_each(joined) as (one, another):
        fail(another, joined, slug)
        time.sleep(SECOND)
        ended = workers.serving(joined, one)
        old = {ended, workers.serving(joined, another)}
        processes.kill([ended], signal.SIGTERM)
        with new_worker(joined, old) as fresh:
            fail(fresh, joined, slug, 1)
    assert own.times_asked(failing) == FAILURES


@contextlib.contextmanager
def new_worker(gatehouse, old):
    """A connection to a worker that is none of those."""
    assert within(15, lambda: set(serving_now(gatehouse)) - old)
    with workers.connections(gatehouse) as held:
        yield next(each for each in held if workers.serving(gatehouse, each) not in old)


def serving_now(gatehouse):
    """The workers that take connections at this moment, more or less."""
    for _ in range(8):
        connection = http.client.HTTPConnection("127.0.0.1", gatehouse.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            if connection.sock is not None:  # one that ends closes it
                yield workers.serving(gatehouse, connection)


def test_without_redis_each_worker_has_breakers_of_its_own(parted, own):
    failing = own.learn(refusing(500))
    slug = breaking(parted, failing, own.learn(answering()))
    with one_of_each(parted) as (one, another):
        fail(one, parted, slug, 2 * FAILURES)
        assert own.times_asked(failing) == FAILURES
        time.sleep(SECOND)
        fail(another, parted, slug, 2 * FAILURES)
        assert own.times_asked(failing) == 2 * FAILURES


def test_what_opened_while_redis_was_away_is_shared_when_it_is_back(joined, store, own):
    failing = own.learn(refusing(500))
    slug = breaking(joined, failing, own.learn(answering()))
    with one_of_each(joined) as (one, another):
        store.stop()
        try:
            fail(one, joined, slug, 2 * FAILURES)
            fail(another, joined, slug, 1)
        finally:
            store.start()
        assert own.times_asked(failing) == FAILURES + 1
        time.sleep(BACK)
        fail(another, joined, slug)
        assert own.times_asked(failing) == FAILURES + 1


def test_calls_do_not_feel_that_redis_comes_and_goes(joined, store, own):
    """Breakers and sticky choices at once; nothing is an error of ours, and nobody waits for long."""
    failing, models = own.learn(refusing(500)), [own.learn(answering()) for _ in range(3)]
    breaks = breaking(joined, failing, models[0])
    sticks = joined.save_config(balanced(dict.fromkeys(models, 1), sticky=STICKY))
    with meanwhile(joined, breaks, sticks) as seen:
        time.sleep(0.3)
        store.stop()
        time.sleep(1.5)
        store.start()
        time.sleep(1.5)
    assert len(seen) > 100
    assert {status for status, _ in seen} == {200}
    assert max(took for _, took in seen) < SLOWEST
    assert own.times_asked(failing) < 5 * FAILURES


def test_calls_do_not_wait_for_a_redis_that_hangs(joined, store, own):
    if not isinstance(store, redis_server.Own):
        pytest.skip("somebody else's Redis is not ours to hang")
    models = [own.learn(answering()) for _ in range(3)]
    breaks = breaking(joined, own.learn(refusing(500)), models[0])
    sticks = joined.save_config(balanced(dict.fromkeys(models, 1), sticky=STICKY))
    with every_loop_stays_free(joined), meanwhile(joined, breaks, sticks) as seen:
        time.sleep(0.3)
        store.process.send_signal(signal.SIGSTOP)
        time.sleep(2.2)
        store.process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
    assert {status for status, _ in seen} == {200}
    assert max(took for _, took in seen) < SLOWEST
    assert sum(took > 0.4 for _, took in seen) < len(seen) / 4


@contextlib.contextmanager
def meanwhile(gatehouse, *slugs):
    """Calls that follow these configs go on during the block: their statuses, and the seconds they took."""
    seen, over = [], threading.Event()

    def work(number):
        who = json.dumps({"user": f"user {number}"})
        while not over.is_set():
            for slug in slugs:
                began = time.monotonic()
                answer = follow(gatehouse, slug, x_portkey_metadata=who)
                seen.append((answer.status, time.monotonic() - began))
                time.sleep(0.01)

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def test_a_breaker_closes_when_its_cooldown_is_over(
    client, token, workspace, virtual_key, provider, rows, monkeypatch
):
    """Half a minute after the first failure, by a clock of the test's."""
    now = [1_000.0]
    monkeypatch.setattr(BREAKERS, "clock", lambda: now[0])
    BREAKERS.forget()
    create_virtual_key(workspace, "Other", provider="groq", slug="other", secret="gsk-of-the-tests-0123")
    config = fallback({"virtual_key": "openai"}, {"virtual_key": "other"})
    config["strategy"]["cb_config"] = {"failure_threshold": FAILURES, "cooldown_interval": 30_000}
    slug = create_config(workspace, "Breaking", json.dumps(config)).slug
    provider.post("https://api.openai.com/v1/chat/completions", json={}, status=500)
    provider.post("https://api.groq.com/openai/v1/chat/completions", json=ANSWER)

    def asked():
        """Which targets a call was tried at."""
        headers = {"x-portkey-api-key": token, "x-portkey-config": slug}
        body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
        answer = client.post(
            "/v1/chat/completions", json.dumps(body), content_type="application/json", headers=headers
        )
        assert answer.status_code == 200
        row = rows()[-1]
        return [each["path"] for each in row["attempts"]], row.get("skipped", [])

    both, left_alone = ([FIRST, SECOND_TARGET], []), ([SECOND_TARGET], [FIRST])
    assert asked() == both
    now[0] += 20
    assert [asked() for _ in range(3)] == [both, both, left_alone]
    now[0] += 9.9
    assert asked() == left_alone
    now[0] += 0.2
    assert [asked() for _ in range(4)] == [both, both, both, left_alone]
    BREAKERS.forget()


ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


# Sticky choices.


def places(gatehouse, slug, times=1):
    """Where each user went, over all workers."""

    def ask(number):
        who = json.dumps({"user": f"user {number % USERS}"})
        return number % USERS, index(follow(gatehouse, slug, x_portkey_metadata=who))

    went = {}
    for user, place in many(USERS * times, ask):
        went.setdefault(user, set()).add(place)
    assert {len(those) for those in went.values()} == {1}, "Somebody was sent here and there."
    return {user: place for user, (place,) in went.items()}


def test_who_comes_again_goes_where_it_went_before(either, own):
    models = [own.learn(answering()) for _ in range(3)]
    slug = either.save_config(balanced(dict.fromkeys(models, 1), sticky=STICKY))
    went = places(either, slug, times=4)
    shares = Counter(went.values())
    assert all(near(shares[f"config.targets[{place}]"], USERS, 1 / 3) for place in range(3)), shares
    assert places(either, slug) == went


def test_with_redis_nobody_moves_when_the_weights_change(joined, own):
    models = [own.learn(answering()) for _ in range(3)]
    slug = joined.save_config(balanced(dict.fromkeys(models, 1), sticky=STICKY))
    went = places(joined, slug)
    joined.change_config(slug, config=balanced(dict(zip(models, (1, 1, 10), strict=True)), sticky=STICKY))
    time.sleep(SECOND)
    assert places(joined, slug) == went


def test_without_redis_only_those_move_who_must(parted, own):
    """A target that weighs more takes some from the others, who lose nobody to one another."""
    models = [own.learn(answering()) for _ in range(3)]
    slug = parted.save_config(balanced(dict.fromkeys(models, 1), sticky=STICKY))
    before = places(parted, slug)
    parted.change_config(slug, config=balanced(dict(zip(models, (1, 1, 10), strict=True)), sticky=STICKY))
    time.sleep(SECOND)
    after = places(parted, slug)
    moved = {user for user in before if before[user] != after[user]}
    assert 0 < len(moved) < USERS * 0.8
    assert {after[user] for user in moved} == {"config.targets[2]"}


def test_a_choice_outlives_an_outage_of_redis(joined, store, own):
    """Without a word from it the workers come to the same choice."""
    models = [own.learn(answering()) for _ in range(3)]
    slug = joined.save_config(balanced(dict.fromkeys(models, 1), sticky=STICKY))
    went = places(joined, slug)
    store.stop()
    try:
        assert places(joined, slug) == went
    finally:
        store.start()
    assert places(joined, slug) == went

"""Circuit breakers: when they open and close, and how workers come to agree on it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import breaker, breaker_rooms, breaker_sharing
from configs.breaker import Breakers
from configs.tree import BreakerRule
from shared_state import link
from shared_state.link import Link
from tests import greenlets
from tests.postgres import free_port
from tests.redis_server import Given, Own, forked

Server = Own | Given

THREE = BreakerRule(cooldown=30, failures=3)
HALF = BreakerRule(cooldown=30, percentage=50)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alone(clock: Clock) -> Breakers:
    """The breakers of a worker without a Redis."""
    return Breakers(Link(""), clock)


@pytest.fixture
def key() -> str:
    return f"config {uuid4().hex} config.targets[0]"


def noted(breakers: Breakers, key: str, rule: BreakerRule, *statuses: int) -> bool:
    """Whether it is open after these."""
    for status in statuses:
        breakers.note(key, rule, status)
    return breakers.is_open(key, rule)


def test_so_many_failures_open_it(alone: Breakers):
    assert not noted(alone, "k", THREE, 500, 200, 503)
    assert noted(alone, "k", THREE, 599)
    assert not alone.is_open("another", THREE)


def test_without_a_list_500_is_a_failure_and_429_is_none(alone: Breakers):
    assert not noted(alone, "k", BreakerRule(30, 1), 429, 404, 200, 302, 499)
    assert noted(alone, "k", BreakerRule(30, 1), 500)


def test_with_a_list_a_failure_is_what_stands_in_it(alone: Breakers):
    rule = BreakerRule(30, 1, codes=frozenset({429}))
    assert not noted(alone, "k", rule, 500, 503)
    assert noted(alone, "k", rule, 429)


def test_a_share_of_failures_opens_it_once_there_were_enough_calls(alone: Breakers):
    assert not noted(alone, "k", HALF, 500, 500, 500, 500)
    assert noted(alone, "k", HALF, 500)
    assert not noted(alone, "another", HALF, 200, 200, 200, 200, 500, 500, 500)
    assert noted(alone, "another", HALF, 500)


def test_what_is_neither_counts_for_no_share(alone: Breakers):
    assert not noted(alone, "k", HALF, 500, *[404] * 20)
    assert not noted(alone, "k", HALF, 200, 200, 500)
    assert noted(alone, "k", HALF, 500)


def test_with_both_rules_either_opens_it(alone: Breakers):
    rule = BreakerRule(30, failures=10, percentage=100, least=2)
    assert noted(alone, "k", rule, 500, 500)
    assert noted(alone, "another", rule, 200, *[500] * 10)


def test_it_closes_a_cooldown_after_the_first_failure(alone: Breakers, clock: Clock):
    noted(alone, "k", THREE, 500, 500)
    clock.now += 20
    assert noted(alone, "k", THREE, 500)
    clock.now += 9.9
    assert alone.is_open("k", THREE)
    clock.now += 0.1
    assert not alone.is_open("k", THREE)


def test_after_that_it_takes_as_many_failures_as_before(alone: Breakers, clock: Clock):
    noted(alone, "k", THREE, 500, 500, 500)
    clock.now += 30
    assert not noted(alone, "k", THREE, 500, 500)
    assert noted(alone, "k", THREE, 500)


def test_failures_of_another_time_are_forgotten(alone: Breakers, clock: Clock):
    for _ in range(10):
        assert not noted(alone, "k", THREE, 500, 500)
        clock.now += 31


def test_what_succeeded_just_before_the_first_failure_counts_and_long_ago_does_not(
    alone: Breakers, clock: Clock
):
    noted(alone, "k", HALF, *[200] * 1_000)
    clock.now += 29
    assert not noted(alone, "k", HALF, *[500] * 10)
    clock.now += 31
    noted(alone, "k", HALF, *[200] * 1_000)
    clock.now += 31
    assert noted(alone, "k", HALF, *[500] * 5)


def test_a_success_closes_nothing(alone: Breakers):
    assert noted(alone, "k", THREE, 500, 500, 500, *[200] * 100)


def test_failures_while_it_is_open_keep_it_open_no_longer(alone: Breakers, clock: Clock):
    noted(alone, "k", THREE, 500, 500, 500)
    clock.now += 29
    noted(alone, "k", THREE, 500, 500, 500)
    clock.now += 1
    assert not alone.is_open("k", THREE)


@given(st.lists(st.tuples(st.sampled_from([200, 404, 500]), st.floats(0, 20)), max_size=60))
def test_it_is_open_as_a_plain_account_of_all_outcomes_says(outcomes: list[tuple[int, float]]):
    clock, rule = Clock(), BreakerRule(30, failures=4, percentage=60, least=5)
    breakers, account = Breakers(Link(""), clock), Account(rule)
    for status, seconds in outcomes:
        breakers.note("k", rule, status)
        account.note(status, clock.now)
        assert breakers.is_open("k", rule) == account.open
        clock.now += seconds
        account.pass_to(clock.now)
        assert breakers.is_open("k", rule) == account.open


class Account:
    """The rule of a breaker, word for word."""

    def __init__(self, rule: BreakerRule) -> None:
        self.rule = rule
        self.clear()

    def clear(self) -> None:
        self.outcomes: list[bool] = []
        self.begun: float | None = None
        self.open = False

    def pass_to(self, now: float) -> None:
        if self.begun is not None and now >= self.begun + self.rule.cooldown:
            self.clear()

    def note(self, status: int, now: float) -> None:
        if status not in (200, 500):
            return
        first_failure = status == 500 and False not in self.outcomes
        if self.begun is None or first_failure:
            self.begun = now
        self.outcomes.append(status == 200)
        failures, calls = self.outcomes.count(False), len(self.outcomes)
        too_many = failures >= 4 or (calls >= 5 and failures / calls >= 0.6)
        self.open = self.open or (status == 500 and too_many)


def test_it_remembers_so_many_targets_and_no_more(alone: Breakers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(breaker_rooms, "AT_MOST", 100)
    for number in range(1_000):
        noted(alone, f"target {number}", BreakerRule(30, 1), 500)
    assert len(alone._counts) == len(alone._openings) == 100
    assert not alone.is_open("target 0", THREE)
    assert alone.is_open("target 999", THREE)
    assert not alone._untold


def test_no_config_drives_out_the_breakers_of_another(alone: Breakers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(breaker_rooms, "AT_MOST_EACH", 20)
    noted(alone, "w:pc-mine:d:config", BreakerRule(30, 1), 500)
    for number in range(100):
        noted(alone, f"w:inline:d{number}:config", BreakerRule(30, 1), 500)
    assert len(alone._counts) == len(alone._openings) == 21
    assert alone.is_open("w:pc-mine:d:config", THREE)
    assert not alone.is_open("w:inline:d0:config", THREE)


def test_no_target_is_left_alone_for_more_than_a_day(alone: Breakers, clock: Clock):
    endless = BreakerRule(9e14, 1)
    assert noted(alone, "k", endless, 500)
    clock.now += 86_399
    assert alone.is_open("k", endless)
    clock.now += 1
    assert not alone.is_open("k", endless)


def test_what_is_open_is_told_with_its_times(alone: Breakers, clock: Clock):
    noted(alone, "k", THREE, 500)
    clock.now += 10
    noted(alone, "k", THREE, 500, 500)
    clock.now += 5
    before = datetime.now(UTC)
    [told] = alone.opened()
    assert (told.key, told.failures) == ("k", 3)
    assert abs(told.since - before + timedelta(seconds=5)) < timedelta(seconds=5)
    assert told.until - told.since == timedelta(seconds=20)
    assert alone.scope() == "worker"
    clock.now += 30
    assert alone.opened() == []


def test_one_that_is_closed_by_hand_begins_anew(alone: Breakers):
    noted(alone, "k", THREE, 500, 500, 500)
    alone.reset("k")
    assert not noted(alone, "k", THREE, 500, 500)
    assert noted(alone, "k", THREE, 500)


def test_threads_lose_no_count(alone: Breakers):
    rule = BreakerRule(30, failures=8_001)
    threads = [threading.Thread(target=noted, args=(alone, "k", rule, *[500] * 2_000)) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not alone.is_open("k", rule)
    assert noted(alone, "k", rule, 500)


# With a Redis.


@pytest.fixture
def worker(redis: Server, key: str) -> Iterator[Callable[[], Breakers]]:
    """Makes the breakers of one more worker, which talks when it is told to."""

    def make() -> Breakers:
        breakers = Breakers(Link(redis.url))
        breakers._begun = breakers._shares = True
        return breakers

    yield make
    redis.start()
    cleaning = Breakers(Link(redis.url))
    cleaning.reset(key)
    cleaning.forget()


def test_one_that_opens_in_one_worker_is_open_in_the_other(worker: Callable[[], Breakers], key: str):
    one, other = worker(), worker()
    noted(one, key, THREE, 500, 500, 500)
    assert not other.is_open(key, THREE)
    one.talk()
    other.talk()
    assert other.is_open(key, THREE)
    mine, theirs = (next(each for each in it.opened() if each.key == key) for it in (one, other))
    assert theirs.failures == mine.failures == 3
    assert abs(theirs.until - mine.until) < timedelta(seconds=1)
    assert abs(theirs.since - mine.since) < timedelta(seconds=1)
    assert one.scope() == other.scope() == "shared"


def test_the_failures_of_all_workers_add_up(worker: Callable[[], Breakers], key: str):
    one, two, three = worker(), worker(), worker()
    for each in (one, two, three):
        assert not noted(each, key, THREE, 500)
        each.talk()
    one.talk()
    assert [each.is_open(key, THREE) for each in (one, two, three)] == [True, False, True]
    two.talk()
    assert two.is_open(key, THREE)


def test_the_share_of_failures_is_that_of_all_workers(worker: Callable[[], Breakers], key: str):
    good, bad = worker(), worker()
    noted(good, key, HALF, *[200] * 8)
    good.talk()
    noted(bad, key, HALF, 500)
    bad.talk()
    assert not noted(bad, key, HALF, *[500] * 6)
    bad.talk()
    assert noted(bad, key, HALF, 500)


def test_nothing_is_counted_twice(worker: Callable[[], Breakers], key: str):
    one, other = worker(), worker()
    noted(one, key, THREE, 500)
    noted(other, key, THREE, 500)
    for _ in range(5):
        one.talk()
        other.talk()
    assert not noted(one, key, HALF, 200)
    one.talk()
    assert not one.is_open(key, THREE)
    noted(one, key, THREE, 500)
    one.talk()
    assert one.is_open(key, THREE)


def test_one_that_is_closed_by_hand_is_closed_everywhere_and_begins_anew(
    worker: Callable[[], Breakers], key: str
):
    one, other = worker(), worker()
    noted(one, key, THREE, 500, 500, 500)
    one.talk()
    other.talk()
    other.reset(key)
    one.talk()
    for each in (one, other):
        assert not noted(each, key, THREE, 500)
        each.talk()
    noted(one, key, THREE, 500)
    one.talk()
    assert one.is_open(key, THREE)


def test_counts_and_openings_leave_redis_by_themselves(worker: Callable[[], Breakers], key: str):
    one, other, rule = worker(), worker(), BreakerRule(0.3, failures=2, percentage=90)
    noted(one, key, rule, 200, 500, 500)
    noted(one, key + "!", rule, 500)
    one.talk()
    other.talk()
    assert other.is_open(key, rule)
    time.sleep(0.35)
    other.talk()
    assert not other.is_open(key, rule)
    with link.use() as client:
        assert client.exists(*(f"gatehouse:{{breakers}}:count:{each}" for each in (key, key + "!"))) == 0
        assert not client.hexists("gatehouse:{breakers}:open", key)
    assert not noted(other, key, rule, 500)
    other.talk()
    assert noted(other, key, rule, 500)


def test_a_success_before_does_not_shorten_the_cooldown(worker: Callable[[], Breakers], key: str):
    one, rule = worker(), BreakerRule(0.6, failures=2, percentage=90)
    noted(one, key, rule, 200)
    one.talk()
    time.sleep(0.4)
    noted(one, key, rule, 500)
    one.talk()
    time.sleep(0.3)
    assert noted(one, key, rule, 500)


def test_while_redis_is_away_each_goes_on_for_itself(
    worker: Callable[[], Breakers], redis: Server, key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link, "AWAY_SECONDS", 0.0)
    one, other = worker(), worker()
    noted(one, key, THREE, 500, 500)
    one.talk()
    redis.stop()
    assert one.scope() == "worker"
    assert noted(one, key, THREE, 500)
    other.refresh()
    assert not other.is_open(key, THREE)
    redis.start()
    assert one.scope() == other.scope() == "shared"
    assert other.is_open(key, THREE)


def test_what_is_open_stays_open_when_redis_was_away_and_forgot(
    worker: Callable[[], Breakers], redis: Server, key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link, "AWAY_SECONDS", 0.0)
    one, other, newer = worker(), worker(), worker()
    noted(one, key, THREE, 500, 500, 500)
    one.talk()
    other.talk()
    redis.stop()
    redis.start()
    for each in (other, newer):
        each.talk()
        assert each.is_open(key, THREE)
    one.talk()
    assert one.is_open(key, THREE)


def test_one_closed_by_hand_during_an_outage_is_closed_for_all_after_it(
    worker: Callable[[], Breakers], redis: Server, key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link, "AWAY_SECONDS", 0.0)
    one, other = worker(), worker()
    noted(one, key, THREE, 500, 500, 500)
    one.talk()
    other.talk()
    redis.stop()
    one.reset(key)
    assert not one.is_open(key, THREE)
    redis.start()
    other.talk()
    one.talk()
    other.talk()
    assert not one.is_open(key, THREE)
    assert not other.is_open(key, THREE)


def test_what_redis_has_no_room_for_is_open_in_its_own_worker(
    worker: Callable[[], Breakers], key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(breaker_sharing, "MOST_OPEN", 3)
    one, keys = worker(), [f"{key} {number}" for number in range(6)]
    for each in keys:
        noted(one, each, THREE, 500, 500, 500)
    one.talk()
    one.talk()
    assert all(one.is_open(each, THREE) for each in keys)
    assert len(one.opened()) == 6
    for each in keys:
        one.reset(each)


def test_what_one_config_has_beyond_its_room_is_its_own_workers_and_others_are_shared_as_before(
    worker: Callable[[], Breakers], key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(breaker_sharing, "MOST_OF_ONE", 3)
    one, other, keys = worker(), worker(), [f"{key}:pc-a:d:{number}" for number in range(6)]
    for each in (*keys, f"{key}:pc-b:d:0"):
        noted(one, each, THREE, 500, 500, 500)
    for each in (one, other, one):
        each.talk()
    assert all(one.is_open(each, THREE) for each in keys)
    assert sum(other.is_open(each, THREE) for each in keys) == 3
    assert other.is_open(f"{key}:pc-b:d:0", THREE)
    for each in (*keys, f"{key}:pc-b:d:0"):
        one.reset(each)
    assert not any(one.is_open(each, THREE) for each in keys)


def test_what_had_no_room_is_not_told_for_ever(
    worker: Callable[[], Breakers], key: str, monkeypatch: pytest.MonkeyPatch
):
    one = worker()
    for number in range(6):
        noted(one, f"{key} {number}", THREE, 500)
    monkeypatch.setattr(breaker_rooms, "AT_MOST", 3)
    for number in range(6, 9):
        noted(one, f"{key} {number}", THREE, 500)
    one.talk()
    assert not one._untold


def test_what_an_inline_config_says_is_each_workers_own(worker: Callable[[], Breakers], key: str):
    one, other, inline = worker(), worker(), f"{key}:inline:d:config"
    assert noted(one, inline, THREE, 500, 500, 500)
    for each in (one, other, one):
        each.talk()
    assert one.is_open(inline, THREE)
    assert not other.is_open(inline, THREE)
    assert not one._untold
    with link.use() as client:
        assert client.exists(f"gatehouse:{{breakers}}:count:{inline}") == 0
        assert not client.hexists("gatehouse:{breakers}:open", inline)
    one.reset(inline)
    assert not one.is_open(inline, THREE)


def test_nothing_lies_in_redis_for_more_than_a_day(worker: Callable[[], Breakers], key: str):
    one, endless = worker(), BreakerRule(9e14, 2)
    noted(one, key, endless, 500, 500)
    noted(one, key + "!", endless, 500)
    one.talk()
    with link.use() as client:
        for name in ("open", f"count:{key}", f"count:{key}!"):
            assert 0 < client.ttl(f"gatehouse:{{breakers}}:{name}") <= 86_400  # type: ignore[operator]
    one.reset(key + "!")


@pytest.mark.parametrize("value", ["", "nonsense", "1 2", "1 2 3 4", "9" * 400 + " " + "9" * 400 + " 1"])
def test_what_somebody_else_wrote_ends_no_sharing(worker: Callable[[], Breakers], key: str, value: str):
    one, other = worker(), worker()
    with link.use() as client:
        client.hset("gatehouse:{breakers}:open", "somebody's", value)
    noted(one, key, THREE, 500, 500, 500)
    one.talk()
    other.talk()
    assert other.is_open(key, THREE)
    with link.use() as client:
        assert not client.hexists("gatehouse:{breakers}:open", "somebody's")


def test_an_answer_that_is_none_is_no_redis(
    worker: Callable[[], Breakers], key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(breaker_sharing, "SCRIPT", "return cjson.encode({memory = 1, counts = {{1}}})")
    one = worker()
    noted(one, key, THREE, 500, 500, 500)
    assert one.scope() == "worker"
    assert one.is_open(key, THREE)


def test_many_targets_are_told_of_in_turns(
    worker: Callable[[], Breakers], key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(breaker, "AT_ONCE", 10)
    one, other, keys = worker(), worker(), [f"{key} {number}" for number in range(25)]
    for each in keys:
        noted(one, each, THREE, 500, 500)
        noted(other, each, THREE, 500)
    for _ in range(4):
        one.talk()
        other.talk()
    other.talk()
    one.talk()
    assert all(one.is_open(each, THREE) and other.is_open(each, THREE) for each in keys)
    assert not one._untold
    for each in keys:
        one.reset(each)


def test_by_itself_a_process_hears_within_a_second(redis: Server, key: str):
    """Of another process, which is a real one."""
    program = (
        "import django, sys, time; django.setup()\n"
        "from configs import breaker; from configs.tree import BreakerRule\n"
        "rule = BreakerRule(30, 2)\n"
        "breaker.is_open(sys.argv[1], rule); print('here', flush=True)\n"
        "while not breaker.is_open(sys.argv[1], rule): time.sleep(0.005)\n"
        "print(breaker.scope(), time.time(), flush=True)\n"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "REDIS_URL": redis.url}
    command = [sys.executable, "-c", program, key]
    here, rule = Breakers(Link(redis.url)), BreakerRule(30, 2)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "here\n"
        opened_at = time.time()
        noted(here, key, rule, 500, 500)
        scope, at = other.stdout.readline().split()
    here.reset(key)
    here.forget()
    assert scope == "shared"
    assert float(at) - opened_at < 10  # a second is asserted where time is measured, below


def test_by_itself_a_process_tells_after_redis_came_back(
    redis: Server, key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link, "AWAY_SECONDS", 0.1)
    one, other = Breakers(Link(redis.url)), Breakers(Link(redis.url))
    one.is_open(key, THREE)
    other.is_open(key, THREE)
    redis.stop()
    assert noted(one, key, THREE, 500, 500, 500)
    assert not other.is_open(key, THREE)
    redis.start()
    assert within(10, lambda: other.is_open(key, THREE))
    one.reset(key)
    assert within(10, lambda: not other.is_open(key, THREE))
    one.forget()
    other.forget()


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.timed
def test_a_breaker_is_open_in_the_other_worker_within_a_second(redis: Server):
    one, other = Breakers(Link(redis.url)), Breakers(Link(redis.url))
    for _ in range(5):
        key = uuid4().hex
        one.is_open(key, THREE)
        other.is_open(key, THREE)
        noted(one, key, THREE, 500, 500, 500)
        assert within(1, lambda key=key: other.is_open(key, THREE))
        one.reset(key)
    one.forget()
    other.forget()


@pytest.mark.timed
def test_under_gevent_a_thousand_that_are_open_hold_nobody_up(redis: Server, key: str):
    [[longest, count]] = greenlets.told(
        """
        import gc, django
        django.setup()
        from redis import BlockingConnectionPool
        from configs.breaker import Breakers
        from configs.tree import BreakerRule
        from shared_state.link import Link
        one, other, rule = Breakers(Link(sys.argv[1])), Breakers(Link(sys.argv[1])), BreakerRule(60, 1)
        keys = [f"{sys.argv[2]}:pc-{number % 5}:d:{number}" for number in range(1_000)]
        for each in (one, other):
            each.refresh()
        gc.collect()
        gc.freeze()
        took = []
        def tick():
            while True:
                before = time.perf_counter()
                gevent.sleep(0.001)
                took.append(time.perf_counter() - before)
        for number, each in enumerate(keys):
            one.note(each, rule, 500)
        gevent.spawn(tick)
        rounds = []
        for _ in range(4):  # in each both talk twice; a neighbour's load is not in all of them
            took.clear()
            for _ in range(5):
                gevent.sleep(0.1)
                one.opened()
                count = len(other.opened())
            rounds.append(max(took))
        longest = min(rounds)
        for each in keys:
            one._untold_closings.add(each)
        one.talk()
        tell([longest, count])
        """,
        redis.url,
        key,
    )
    assert count == 1_000
    assert longest < 0.02


def test_a_forked_process_talks_by_a_thread_of_its_own(redis: Server, key: str):
    breaker.is_open(key, THREE)
    assert breaker.BREAKERS._thread is not None
    if (child := forked()) == 0:
        status = 1
        try:
            fresh = breaker.BREAKERS._thread is None
            noted(breaker.BREAKERS, key, THREE, 500, 500, 500)
            alive = breaker.BREAKERS._thread is not None and breaker.BREAKERS._thread.is_alive()
            told = breaker.scope() == "shared"
            status = 0 if fresh and alive and told else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert within(10, lambda: breaker.is_open(key, THREE))
    breaker.reset(key)


def test_a_redis_that_never_was_there_stops_nothing(key: str):
    breakers = Breakers(Link(f"redis://127.0.0.1:{free_port()}/0"))
    assert noted(breakers, key, THREE, 500, 500, 500)
    assert breakers.scope() == "worker"
    assert [each.key for each in breakers.opened()] == [key]
    breakers.forget()

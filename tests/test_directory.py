"""The shelf: by heart what is known, together what is missing, the last known while the database is away."""

import threading
import time
from collections.abc import Callable, Iterable

import pytest

from keys import shelf as shelves
from keys.errors import DirectoryAway
from keys.shelf import Kind, Shelf, Tag

Found = tuple[str, Iterable[Tag]] | None


class World:
    """What there is to read, and how often it was read."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.reads: list[str] = []
        self.during: Callable[[], None] = lambda: None
        self.away = False

    def load(self, key: str) -> Found:
        self.reads.append(key)
        value = self.rows.get(key)
        self.during()
        if self.away:
            raise ConnectionError
        return None if value is None else (value, [("thing", key), ("owner", value)])


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def shelf(world: World) -> Shelf[str, str]:
    kind = Kind("thing", world.load, heeds=frozenset({"thing"}), size=3)
    return Shelf(kind, lambda work: work())


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "PATIENCE", 0.02)
    monkeypatch.setattr(shelves, "AGAIN_AFTER", 0.02)


def test_what_was_read_once_is_known(world: World, shelf: Shelf[str, str]) -> None:
    world.rows["a"] = "1"
    assert [shelf.find("a"), shelf.find("a")] == ["1", "1"]
    assert world.reads == ["a"]


def test_what_is_not_there_is_remembered_for_a_while(
    world: World, shelf: Shelf[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [shelf.find("a"), shelf.find("a")] == [None, None]
    assert world.reads == ["a"]
    later = time.monotonic() + shelves.UNKNOWN_FOR + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    world.rows["a"] = "1"
    assert shelf.find("a") == "1"


def test_a_change_of_its_kind_makes_the_unknown_worth_asking_for(
    world: World, shelf: Shelf[str, str]
) -> None:
    assert shelf.find("a") is None
    world.rows["a"] = "1"
    shelf.mark([("other", "a")])
    assert shelf.find("a") is None
    shelf.mark([("thing", "a")])
    assert shelf.find("a") == "1"


def test_a_change_makes_stale_what_depends_on_it_and_nothing_else(
    world: World, shelf: Shelf[str, str]
) -> None:
    world.rows.update(a="1", b="2", c="1")
    for key in "abc":
        shelf.find(key)
    world.rows.update(a="7", b="8", c="9")
    shelf.mark([("owner", "1")])
    assert [shelf.find(key) for key in "abc"] == ["7", "2", "9"]


def test_after_a_gap_everything_is_read_anew(world: World, shelf: Shelf[str, str]) -> None:
    world.rows["a"] = "1"
    assert [shelf.find("a"), shelf.find("b")] == ["1", None]
    world.rows.update(a="2", b="3")
    shelf.mark_all()
    assert [shelf.find("a"), shelf.find("b")] == ["2", "3"]


def test_what_is_gone_is_forgotten(world: World, shelf: Shelf[str, str]) -> None:
    world.rows["a"] = "1"
    shelf.find("a")
    del world.rows["a"]
    shelf.mark([("thing", "a")])
    assert shelf.find("a") is None
    assert len(shelf) == 0


def test_a_change_while_reading_leaves_nothing_that_looks_fresh(world: World, shelf: Shelf[str, str]) -> None:
    world.rows["a"] = "1"

    def change() -> None:
        world.during = lambda: None
        world.rows["a"] = "2"
        shelf.mark([("thing", "a")])

    world.during = change
    shelf.find("a")
    assert shelf.find("a") == "2"


def test_a_thing_made_while_it_was_looked_for_is_found(world: World, shelf: Shelf[str, str]) -> None:
    def change() -> None:
        world.during = lambda: None
        world.rows["a"] = "1"
        shelf.mark([("thing", "a")])

    world.during = change
    assert shelf.find("a") is None
    assert shelf.find("a") == "1"


def test_the_last_known_stays_good_while_the_database_is_away(
    world: World, shelf: Shelf[str, str], patience: None
) -> None:
    world.rows["a"] = "1"
    shelf.find("a")
    world.away = True
    shelf.mark([("thing", "a")])
    assert [shelf.find("a") for _ in range(3)] == ["1", "1", "1"]
    assert len(world.reads) == 2
    world.away, world.rows["a"] = False, "2"
    time.sleep(0.03)
    assert shelf.find("a") == "2"


def test_what_was_never_known_is_no_false_answer_while_the_database_is_away(
    world: World, shelf: Shelf[str, str]
) -> None:
    world.away = True
    with pytest.raises(DirectoryAway):
        shelf.find("a")
    world.away, world.rows["a"] = False, "1"
    assert shelf.find("a") == "1"


def test_room_is_made_by_what_was_not_used(world: World, shelf: Shelf[str, str]) -> None:
    world.rows = {key: key for key in "abcdef"}
    for key in "abcd":
        shelf.find(key)  # the fourth takes every second chance, and the first's place
    shelf.find("b")
    shelf.find("e")
    world.reads.clear()
    assert [shelf.find("b"), shelf.find("e"), len(shelf)] == ["b", "e", 3]
    assert world.reads == []


def test_values_of_weight_have_room_for_so_much_of_them(world: World) -> None:
    kind = Kind("thing", world.load, weigh=len, room=10)
    shelf = Shelf(kind, lambda work: work())
    world.rows = {"a": "a" * 4, "b": "b" * 4, "c": "c" * 4, "d": "d" * 11}
    for key in "abc":
        shelf.find(key)
    assert len(shelf) == 2
    assert [shelf.find("d"), shelf.find("d"), len(shelf)] == ["d" * 11, "d" * 11, 2]
    assert world.reads.count("d") == 2  # what is too heavy is not kept, and takes nobody's place
    world.rows["a"] = "aa"
    shelf.find("a")
    world.rows["a"] = "aaa"
    shelf.mark([("thing", "a")])
    for key in "abab":
        shelf.find(key)
    assert len(shelf) == 2  # what was read anew weighs what it weighs now


def test_the_unknown_are_bounded(
    world: World, shelf: Shelf[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "UNKNOWN_AT_MOST", 2)
    for key in "abc":
        shelf.find(key)
    world.reads.clear()
    for key in "cba":
        shelf.find(key)
    assert world.reads == ["a"]


def test_a_thing_that_changes_its_tags_leaves_none_behind(world: World, shelf: Shelf[str, str]) -> None:
    world.rows["a"] = "1"
    shelf.find("a")
    world.rows["a"] = "2"
    shelf.mark([("thing", "a")])
    shelf.find("a")
    world.reads.clear()
    shelf.mark([("owner", "1")])
    shelf.find("a")
    assert world.reads == []


class Slow:
    """A reading that waits to be let go, in a thread of its own."""

    def __init__(self, world: World) -> None:
        self.go, self.begun = threading.Event(), threading.Semaphore(0)
        self.threads: list[threading.Thread] = []
        world.during = self.wait

    def wait(self) -> None:
        self.begun.release()
        assert self.go.wait(10)

    def run(self, work: Callable[[], None]) -> None:
        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()

    def end(self) -> None:
        self.go.set()
        for thread in self.threads:
            thread.join(10)


def test_all_who_miss_the_same_wait_for_one_reading(world: World) -> None:
    slow = Slow(world)
    shelf = Shelf(Kind("thing", world.load), slow.run)
    world.rows["a"] = "1"
    answers: list[str | None] = []
    callers = [threading.Thread(target=lambda: answers.append(shelf.find("a"))) for _ in range(8)]
    for caller in callers:
        caller.start()
    assert slow.begun.acquire(timeout=10)
    slow.end()
    for caller in callers:
        caller.join(10)
    assert (answers, world.reads) == (["1"] * 8, ["a"])


def test_nobody_waits_longer_than_patience(world: World, patience: None) -> None:
    slow = Slow(world)
    shelf = Shelf(Kind("thing", world.load), slow.run)
    with pytest.raises(DirectoryAway):
        shelf.find("a")
    slow.end()


def test_a_process_that_can_start_no_thread_is_away_until_it_can(world: World) -> None:
    def no_thread(work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    shelf = Shelf(Kind("thing", world.load), no_thread)
    world.rows["a"] = "1"
    with pytest.raises(DirectoryAway):
        shelf.find("a")
    shelf._run = lambda work: work()
    assert shelf.find("a") == "1"


def test_a_late_answer_is_kept(world: World, patience: None) -> None:
    slow = Slow(world)
    shelf = Shelf(Kind("thing", world.load), slow.run)
    world.rows["a"] = "1"
    with pytest.raises(DirectoryAway):
        shelf.find("a")
    slow.end()
    world.reads.clear()
    assert (shelf.find("a"), world.reads) == ("1", [])


def test_a_database_that_hangs_delays_known_keys_once(
    world: World, shelf: Shelf[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rows["a"] = "1"
    shelf.find("a")
    slow = Slow(world)
    shelf._run = slow.run
    monkeypatch.setattr(shelves, "PATIENCE", 0.2)
    monkeypatch.setattr(shelves, "AGAIN_AFTER", 0.0)
    shelf.mark([("thing", "a")])
    shelf.find("a")
    begun = time.monotonic()
    assert [shelf.find("a") for _ in range(100)] == ["1"] * 100
    assert time.monotonic() - begun < 0.2
    slow.end()


def test_a_reading_begun_before_a_change_never_replaces_one_begun_after(world: World, patience: None) -> None:
    slow = Slow(world)
    shelf = Shelf(Kind("thing", world.load), slow.run)
    world.rows["a"] = "old"
    with pytest.raises(DirectoryAway):
        shelf.find("a")
    world.rows["a"], world.during = "new", lambda: None
    shelf.mark([("thing", "a")])
    assert shelf.find("a") == "new"
    slow.end()
    world.reads.clear()
    assert (shelf.find("a"), world.reads) == ("new", [])


def test_a_forked_process_begins_with_empty_shelves(world: World, shelf: Shelf[str, str]) -> None:
    world.rows["a"] = "1"
    shelf.find("a")
    shelf.clear()
    assert len(shelf) == 0
    assert shelf.find("a") == "1"

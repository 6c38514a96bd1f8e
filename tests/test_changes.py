"""Changes raise the generation, leave word of what changed, and every process hears of them."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from keys import callers, changes, directory, freshness
from keys.changes import changing
from keys.creation import create_api_key
from keys.errors import KeyRefused
from keys.freshness import Watcher
from keys.models import ApiKey, Change, Installation, Workspace


class Seen:
    """What a watcher was told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.watcher = Watcher(lambda tags: self.told.append(set(tags)), lambda: self.told.append("all"))

    def look(self) -> list[object]:
        self.told.clear()
        self.watcher.look()
        return list(self.told)


@pytest.fixture
def seen(db: None) -> Seen:
    found = Seen()
    found.look()
    return found


def generation() -> int:
    return Installation.objects.current().generation


def test_a_change_raises_the_generation_and_leaves_word(api_key: ApiKey) -> None:
    before = generation()
    with changing(api_key):
        api_key.save()
    assert generation() == before + 1
    assert list(Change.objects.filter(generation=before + 1).values_list("kind", "object_id")) == [
        ("api_key", str(api_key.pk))
    ]


def test_the_generation_is_raised_before_anything_else(
    workspace: Workspace, django_assert_num_queries: object
) -> None:
    with changing(workspace):
        inside = generation()
    assert inside == generation()


def test_a_change_that_fails_leaves_nothing(db: None) -> None:
    before = generation(), Change.objects.count()
    with pytest.raises(RuntimeError), changing(Workspace()):
        raise RuntimeError
    assert (generation(), Change.objects.count()) == before


def test_what_is_made_on_the_way_can_be_added(db: None, seen: Seen) -> None:
    with changing() as changed:
        made = Workspace.objects.create(name="New", slug="new")
        changed.add(made)
    assert seen.look() == [{("workspace", str(made.pk))}]


def test_what_is_deleted_is_told(seen: Seen) -> None:
    doomed = Workspace.objects.create(name="Old", slug="old")
    pk = str(doomed.pk)
    with changing(doomed):
        doomed.delete()
    assert seen.look() == [{("workspace", pk)}]


def test_many_rows_are_changed_and_told_at_once(workspace: Workspace, seen: Seen) -> None:
    keys = [create_api_key(workspace, name)[0] for name in ("a", "b")]
    seen.look()
    changes.change_all(ApiKey.objects.all(), description="changed")
    assert seen.look() == [{("api_key", str(key.pk)) for key in keys}]
    assert ApiKey.objects.filter(description="changed").count() == 2


def test_an_installation_that_is_missing_is_made(db: None) -> None:
    Installation.objects.all().delete()
    with changing(Workspace()):
        pass
    assert generation() == 1


def test_the_first_look_distrusts_everything(db: None) -> None:
    assert Seen().look() == ["all"]


def test_a_look_tells_only_what_is_new(workspace: Workspace, seen: Seen) -> None:
    with changing(workspace):
        pass
    assert seen.look() == [{("workspace", str(workspace.pk))}]
    assert seen.look() == []


def test_who_missed_what_is_no_longer_kept_distrusts_everything(workspace: Workspace, seen: Seen) -> None:
    with changing(workspace):
        pass
    Change.objects.update(created_at=timezone.now() - changes.KEPT - timedelta(seconds=1))
    changes.prune()
    assert not Change.objects.exists()
    assert seen.look() == ["all"]


def test_pruning_keeps_what_is_recent(workspace: Workspace, seen: Seen) -> None:
    with changing(workspace):
        pass
    changes.prune()
    assert seen.look() == [{("workspace", str(workspace.pk))}]


def test_old_changes_are_pruned_on_the_way(workspace: Workspace) -> None:
    with changing(workspace):
        pass
    Change.objects.update(created_at=timezone.now() - changes.KEPT - timedelta(seconds=1))
    Installation.objects.update(generation=2 * changes.PRUNED_EVERY - 1)
    with changing(workspace):
        pass
    assert [change.generation for change in Change.objects.all()] == [2 * changes.PRUNED_EVERY]


def test_a_database_put_back_in_time_is_distrusted(workspace: Workspace, seen: Seen) -> None:
    with changing(workspace):
        pass
    seen.look()
    Installation.objects.update(generation=0)
    assert seen.look() == ["all"]


def test_more_changes_than_are_worth_reading_make_everything_stale(
    workspace: Workspace, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "READ_AT_MOST", 1)
    with changing(workspace, ApiKey()):
        pass
    assert seen.look() == ["all"]


def test_last_used_moves_forward_without_a_change(issued: tuple[ApiKey, str], seen: Seen) -> None:
    key, _ = issued
    seen.look()
    now = timezone.now()
    ApiKey.objects.all().used({str(key.pk): now})
    ApiKey.objects.all().used({str(key.pk): now - timedelta(hours=1)})
    key.refresh_from_db()
    assert key.last_used_at == now
    assert seen.look() == []


def test_last_used_takes_more_keys_than_fit_one_statement(workspace: Workspace) -> None:
    now = timezone.now()
    keys = [create_api_key(workspace, str(number))[0] for number in range(3)]
    keys += ApiKey.objects.bulk_create(
        [ApiKey(name=str(number), workspace=workspace, digest=str(number), hint="") for number in range(250)]
    )
    ApiKey.objects.all().used({key.pk: now for key in keys})
    assert ApiKey.objects.filter(last_used_at=now).count() == 253


@pytest.fixture
def watching(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The directory as it runs in a server: read and watched in threads of its own."""
    monkeypatch.undo()
    stop = threading.Event()
    monkeypatch.setattr(freshness, "EVERY", 0.05)
    monkeypatch.setattr(Watcher, "_watch", until(stop, Watcher._watch))
    directory.clear()
    yield
    stop.set()
    if directory.watcher.thread is not None:
        directory.watcher.thread.join(10)
    directory.clear()


def until(stop: threading.Event, watch: object) -> object:
    """The watch, ended by `stop`: a thread that outlived its test would look at the next one's database."""

    class Over(BaseException):
        pass

    def watched(self: Watcher) -> None:
        looked = self.look

        def look() -> None:
            if stop.is_set():
                raise Over
            looked()

        self.look = look  # type: ignore[method-assign]
        try:
            watch(self)  # type: ignore[operator]
        except Over:
            del self.look

    return watched


def test_a_revoked_key_is_refused_within_a_second(watching: None) -> None:
    key, token = create_api_key(Workspace.objects.default(), "An app")
    assert callers.find(token).id == str(key.pk)
    changes.change_all(ApiKey.objects.filter(pk=key.pk), revoked_at=timezone.now())
    begun = time.monotonic()
    while accepted(token) and time.monotonic() - begun < 5:
        time.sleep(0.01)
    assert time.monotonic() - begun < 1


def accepted(token: str) -> bool:
    try:
        return bool(callers.find(token))
    except KeyRefused:
        return False


def test_the_watch_survives_a_database_that_is_away(
    watching: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, failures = Watcher.look, iter(range(3))

    def look(self: Watcher) -> None:
        if next(failures, None) is not None:
            raise OperationalError("away")
        real(self)

    monkeypatch.setattr(Watcher, "look", look)
    directory.watcher.start()
    deadline = time.monotonic() + 5
    while directory.watcher.seen is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert directory.watcher.seen == generation()
    assert [record.getMessage() for record in caplog.records] == [
        "Changes of keys cannot be looked for: away"
    ]

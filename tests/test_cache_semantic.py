"""Answers to questions that are like an earlier one: who is asked about likeness, and when nobody is."""

import json
import time
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from audit.models import AuditEvent
from cache import conversations, numbers, semantic, shared_vectors, store, vectors
from cache.models import SemanticCache
from cache.shared_vectors import Learnt
from cache.vectors import BESIDE, MOST, Partition, Vectors
from keys import directory
from keys.changes import changing
from keys.creation import create_virtual_key
from keys.models import VirtualKey, Workspace
from shared_state import link
from tests.test_cache import CHAT, EMBEDDINGS, cached, status  # noqa: F401 - a fixture
from tests.test_cache_store import written
from tests.test_chat import OPENAI
from tests.test_chat import ask as ask  # the fixture

NEAR = {
    "Hi": [1.0, 0.0, 0.0],
    "Hello": [0.99, 0.1, 0.0],
    "Bye": [0.0, 1.0, 0.0],
    "Hi there": [1.0, 0.01, 0.0],
}


@pytest.fixture(autouse=True)
def empty():
    forget()
    yield
    forget()


def forget():
    """Be as another worker."""
    store.forget()
    vectors.vectors.partitions.clear()


@pytest.fixture
def likeness(workspace: Workspace, virtual_key: VirtualKey) -> SemanticCache:
    """The workspace's semantic cache, by embeddings of a virtual key of its own."""
    key = create_virtual_key(workspace, "E", provider="openai", slug="embedder", secret="sk-embeds-a-secret")
    row = SemanticCache(workspace=workspace, virtual_key=key)
    row.full_clean()
    with changing(row):
        row.save()
    return row


@pytest.fixture
def embeds(provider):
    """A provider of embeddings, and what it was asked."""
    asked = []

    def answer(request):
        body = json.loads(request.body)
        asked.append({**body, "secret": request.headers["authorization"]})
        data = [{"object": "embedding", "index": 0, "embedding": NEAR[body["input"]]}]
        return 200, {}, json.dumps({"object": "list", "data": data, "model": body["model"]})

    provider.add_callback("POST", EMBEDDINGS, answer, content_type="application/json")
    return asked


@pytest.fixture
def alike(cached):  # noqa: F811
    """Ask a text by a config whose cache is semantic."""

    def call(text: Any = "Hi", *before: dict[str, Any], body: Any = None, **headers: Any) -> Any:
        messages = [*before, {"role": "user", "content": text}]
        return cached({"messages": messages, **(body or {})}, {"mode": "semantic"}, **headers)

    return call


def test_a_question_like_an_earlier_one_has_its_answer(alike, provider, likeness, embeds, rows):
    provider.post(OPENAI, json=CHAT)
    answers = [alike("Hi"), alike("Hello"), alike("Hello"), alike("Bye")]
    assert [status(each) for each in answers] == ["SEMANTIC MISS", "SEMANTIC HIT", "HIT", "SEMANTIC MISS"]
    assert answers[1].json() == CHAT
    assert [each["input"] for each in embeds] == ["Hi", "Hello", "Bye"]
    assert embeds[0]["model"] == "text-embedding-3-small"
    assert embeds[0]["secret"] == "Bearer sk-embeds-a-secret"
    missed, hit, same, _ = rows()
    assert hit["cache_status"] == "SEMANTIC HIT"
    assert 0.95 < hit["cache_similarity"] < 1
    assert same["cache_similarity"] is None
    assert [each["path"] for each in missed["attempts"]] == ["cache", "config"]
    assert [each["tokens"] for each in missed["attempts"]] == [1, 0]
    embedding = missed["attempts"][0]
    assert (embedding["status"], embedding["virtual_key"], embedding["host"]) == (
        200,
        "embedder",
        "api.openai.com",
    )
    assert (missed["virtual_key"], missed["option_index"], missed["model"]) == (
        "openai",
        "config",
        "gpt-4o-mini",
    )
    assert hit["virtual_key"] == "openai"


@pytest.mark.parametrize(
    "changed",
    [
        {"body": {"temperature": 0.1}},
        {"body": {"model": "gpt-4o"}},
        {"x_portkey_metadata": '{"user": "u2"}'},
        {"x_portkey_cache_namespace": "n"},
    ],
)
def test_everything_but_the_texts_must_be_the_same(alike, provider, likeness, embeds, changed):
    provider.post(OPENAI, json=CHAT)
    alike("Hi")
    assert status(alike("Hello", **changed)) == "SEMANTIC MISS"


def test_what_the_system_says_first_must_be_the_same_and_is_not_compared(alike, provider, likeness, embeds):
    provider.post(OPENAI, json=CHAT)
    pirate, poet = ({"role": "system", "content": f"You are a {who}."} for who in ("pirate", "poet"))
    answers = [alike("Hi", pirate), alike("Hello", poet), alike("Hello", pirate)]
    assert [status(each) for each in answers] == ["SEMANTIC MISS", "SEMANTIC MISS", "SEMANTIC HIT"]
    assert {each["input"] for each in embeds} == {"Hi", "Hello"}


def test_a_hit_is_told_in_the_form_that_is_wanted(alike, provider, likeness, embeds):
    provider.post(OPENAI, json=CHAT)
    alike("Hi")
    answer = alike("Hello", body={"stream": True})
    assert status(answer) == "SEMANTIC HIT"
    assert b"".join(answer.streaming_content).endswith(b"data: [DONE]\n\n")
    answer.close()


def test_what_was_found_by_likeness_never_becomes_what_the_mode_simple_finds(
    alike,
    cached,  # noqa: F811
    provider,
    likeness,
    embeds,
):
    provider.post(OPENAI, json=CHAT)
    provider.post(OPENAI, json={**CHAT, "id": "its own"})
    assert [status(each) for each in (alike("Hi"), alike("Hello"))] == ["SEMANTIC MISS", "SEMANTIC HIT"]
    answer = cached({"messages": [{"role": "user", "content": "Hello"}]})
    assert (status(answer), answer.json()["id"]) == ("MISS", "its own")
    assert alike("Hello").json()["id"] == "its own"


@pytest.mark.parametrize("changed", [{"enabled": False}, {"threshold": 0.9999}])
def test_what_was_found_by_likeness_is_found_only_while_the_workspace_would_find_it(
    alike, provider, likeness, embeds, changed
):
    provider.post(OPENAI, json=CHAT)
    directory.watcher.look()
    assert [status(each) for each in (alike("Hi"), alike("Hello"))] == ["SEMANTIC MISS", "SEMANTIC HIT"]
    for name, value in changed.items():
        setattr(likeness, name, value)
    with changing(likeness):
        likeness.save()
    directory.watcher.look()
    assert status(alike("Hello")) in ("MISS", "SEMANTIC MISS")


def test_a_refresh_forgets_what_was_found_by_likeness(alike, provider, likeness, embeds):
    provider.post(OPENAI, json=CHAT)
    alike("Hi")
    alike("Hello")
    assert len(store.memory()) == 2
    provider.replace("POST", OPENAI, status=500)
    vectors.vectors.partitions.clear()
    assert status(alike("Hello", x_portkey_cache_force_refresh="true")) == "REFRESH"
    assert len(store.memory()) == 1
    assert status(alike("Hello")) == "SEMANTIC MISS"


def test_without_the_workspaces_word_semantic_is_simple(alike, provider):
    provider.post(OPENAI, json=CHAT)
    assert [status(alike("Hi")), status(alike("Hi")), status(alike("Hello"))] == ["MISS", "HIT", "MISS"]


def test_what_is_switched_on_or_off_counts_at_once(alike, provider, likeness, embeds):
    provider.post(OPENAI, json=CHAT)
    directory.watcher.look()
    alike("Hi")
    likeness.enabled = False
    with changing(likeness):
        likeness.save()
    directory.watcher.look()
    assert status(alike("Hello")) == "MISS"
    likeness.enabled = True
    with changing(likeness):
        likeness.save()
    directory.watcher.look()
    assert status(alike("Hi there")) == "SEMANTIC HIT"


def test_that_there_is_none_is_known_by_heart_and_so_is_its_end(
    workspace, virtual_key, django_assert_num_queries
):
    directory.watcher.look()
    assert semantic.find(str(workspace.pk)) is None
    with django_assert_num_queries(0):
        assert semantic.find(str(workspace.pk)) is None
    row = SemanticCache(workspace=workspace, virtual_key=virtual_key)
    with changing(row):
        row.save()
    directory.watcher.look()
    assert semantic.find(str(workspace.pk)).virtual_key == "openai"


@pytest.mark.parametrize(
    "fails",
    [
        {"status": 401, "json": {"error": {"message": "Incorrect API key: sk-embeds-a-secret"}}},
        {"json": {"data": []}},
        {"json": {"data": [{"embedding": [0.0, 0.0]}]}},
        {"json": {"data": [{"embedding": ["a"]}]}},
        {"json": {"data": [{"embedding": ["1.0"]}]}},
        {"json": {"data": [{"embedding": [True, None]}]}},
        {"json": {"data": [{"embedding": [10**400]}]}},
        {"json": {"data": [{"embedding": [1.0] * 8193}]}},
        {"json": {"data": [{"embedding": {"0": 1}}]}},
        {"json": {"data": {"0": 1}}},
        {"body": b'{"data":[{"embedding":[1e400]}]}'},
        {"body": b'{"data":[{"embedding":[NaN]}]}'},
        {"body": b'{"data":[{"embedding":' + b"[" * 5000 + b"]" * 5000 + b"}]}"},
        {"body": b"nothing"},
        {"body": ConnectionError()},
    ],
)
def test_an_embedding_that_cannot_be_had_is_a_miss_and_on_record(alike, provider, likeness, rows, fails):
    provider.post(OPENAI, json=CHAT)
    provider.post(EMBEDDINGS, **fails)
    answers = [alike("Hi"), alike("Hi")]
    assert [status(each) for each in answers] == ["SEMANTIC MISS", "HIT"]
    assert answers[0].json() == CHAT
    row = rows()[0]
    assert row["outcome"] == "finished"
    failed, leaf = row["attempts"]
    assert (failed["path"], failed["outcome"], leaf["outcome"]) == ("cache", "failed", "answered")
    assert failed["error"]
    assert "sk-embeds-a-secret" not in json.dumps(row, default=str)


@pytest.mark.parametrize("nonsense", [None, 7, [1], [[b"1-0"]], [[b"\xff", {}]], [["1-0", {}]], {"a": 1}])
def test_a_shared_list_that_is_none_of_ours_is_as_if_redis_were_away(nonsense):
    with pytest.raises(link.Away):
        list(shared_vectors.listed(nonsense))


@pytest.mark.parametrize("cut", [985, 990, 999])
def test_a_secret_that_a_provider_of_embeddings_echoes_is_not_on_record(alike, provider, likeness, rows, cut):
    """What an error says is cut after so many characters: the secret is taken out before that."""
    provider.post(OPENAI, json=CHAT)
    provider.post(EMBEDDINGS, status=502, body=b"x" * cut + b"sk-embeds-a-secret" + b"y" * 200)
    assert status(alike("Hi")) == "SEMANTIC MISS"
    error = rows()[0]["attempts"][0]["error"]
    assert "x" in error
    assert "sk-e" not in error


def test_a_key_for_embeddings_that_is_off_is_on_record(alike, provider, likeness, rows):
    provider.post(OPENAI, json=CHAT)
    likeness.virtual_key.active = False
    likeness.virtual_key.save()
    assert status(alike("Hi")) == "SEMANTIC MISS"
    assert rows()[0]["attempts"][0]["error"] == "The virtual key embedder for embeddings is not active."


def test_an_answer_that_is_over_is_no_answer(alike, provider, likeness, embeds):
    provider.post(OPENAI, json=CHAT)
    alike("Hi")
    store.memory().clear()
    assert [status(alike("Hello")), status(alike("Hi there"))] == ["SEMANTIC MISS", "SEMANTIC HIT"]


def test_an_answer_that_calls_a_tool_answers_nobody_else(alike, provider, likeness, embeds):
    choice = {"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "tool_calls"}
    provider.post(OPENAI, json={**CHAT, "choices": [choice]})
    alike("Hi")
    assert status(alike("Hello")) == "SEMANTIC MISS"


TOOL = {"type": "function", "function": {"name": "f"}}
IMAGE = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]


def user(content):
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [user("")]},
        {"messages": [user("Hi")] * 5},
        {"messages": [user("x" * 40_000)]},
        {"messages": [user("Hi")], "tools": [TOOL]},
        {"messages": [user("Hi")], "functions": [{"name": "f"}]},
        {"messages": [user("Hi")], "n": 2},
        {"messages": [user(IMAGE)]},
        {"messages": [user("Hi"), {"role": "tool", "content": "x", "tool_call_id": "t"}]},
        {"messages": [user("Hi"), {"role": "assistant", "content": None, "tool_calls": [TOOL]}]},
        {"messages": "Hi"},
        {"messages": [7]},
        {},
    ],
)
def test_what_is_no_short_conversation_of_texts_is_not_compared(body):
    assert conversations.conversation("chatComplete", body) is None


@pytest.mark.parametrize("prompt", ["", ["a", "b"], [1, 2], None, 7])
def test_what_is_no_prompt_of_one_text_is_not_compared(prompt):
    assert conversations.conversation("complete", {"prompt": prompt}) is None
    assert conversations.conversation("complete", {"prompt": "Hi", "echo": True}) is None


def test_what_is_compared_is_the_text_of_all_but_a_leading_word_of_the_system():
    leading = {"role": "developer", "content": "Be brief."}
    body = {
        "model": "m",
        "messages": [leading, user("Hi"), {"role": "assistant", "content": "Yes?"}, user("x")],
    }
    found = conversations.conversation("chatComplete", {**body, "stream": True, "temperature": 1})
    assert found.text == "Hi\n\nYes?\n\nx"
    assert found.apart["leading"] == [leading]
    assert found.apart["temperature"] == 1
    assert not {"stream", "messages", "model"} & found.apart.keys()
    assert conversations.conversation("complete", {"prompt": ["Hi"]}).text == "Hi"
    assert conversations.conversation("embed", {"input": "Hi"}) is None


# Vectors


def vector(*values):
    return numbers.direction(values)


def test_the_most_alike_comes_first_and_what_is_not_alike_enough_not_at_all():
    known, later = Partition(2), time.time() + 60
    known.put("near", vector(1, 0.2), later)
    known.put("same", vector(1, 0), later)
    known.put("far", vector(0, 1), later)
    known.put("over", vector(1, 0), time.time() - 1)
    found = known.like(vector(2, 0), 0.9)
    assert [key for _, key in found] == ["same", "near"]
    assert found[0][0] == pytest.approx(1)
    assert [key for _, key in known.like(vector(1, 0), 1.0)] == ["same"]


def test_a_partition_keeps_its_newest():
    known, later = Partition(2), time.time() + 60
    for number in range(MOST + 10):
        known.put(str(number), vector(1, number), later)
    assert len(known.places) == MOST
    assert len(known.rows) == MOST
    assert "9" not in known.places
    assert "10" in known.places
    rows = {row for row, _ in known.places.values()}
    assert rows == set(range(MOST))


def test_what_was_dropped_or_learnt_anew_takes_no_second_place():
    known, later = Partition(2), time.time() + 60
    known.put("a", vector(1, 0), later)
    known.put("a", vector(0, 1), later)
    known.put("b", vector(1, 0), later)
    known.drop("b")
    known.put("c", vector(1, 0), later)
    assert known.like(vector(1, 0), 0.9) == [(1.0, "c")]
    assert known.like(vector(0, 1), 0.9) == [(1.0, "a")]
    assert {row for row, _ in known.places.values()} == {0, 1}


def test_a_worker_forgets_the_partitions_it_used_least():
    some = Vectors(room=3 * Partition(8).bytes)
    for name in "abc":
        some.of(name, 8)
    some.of("a", 8)
    some.of("d", 8)
    assert list(some.partitions) == ["c", "a", "d"]
    assert some.of("a", 16).size == 16


BAD = [
    [],
    [0.0],
    [[1.0]],
    [float("nan")],
    [float("inf")],
    ["a"],
    ["1"],
    [10**400],
    [1e39],
    [True],
    None,
    "text",
]


@pytest.mark.parametrize("bad", [*BAD, [1.0] * 8193, {0: 1.0}, b"\1"])
def test_what_has_no_direction_is_no_vector(bad):
    with pytest.raises(ValueError):
        numbers.direction(bad)


@pytest.mark.parametrize(
    "content",
    [b"", b"\1\2\3", *(np.array(each, "float32").tobytes() for each in ([2.0], [np.nan], [np.inf, 1]))],
)
def test_bytes_that_are_none_of_our_vectors_are_read_as_none(content):
    assert numbers.read(vector(3, 4).tobytes()).tolist() == pytest.approx([0.6, 0.8])
    with pytest.raises(ValueError):
        numbers.read(content)
    assert shared_vectors.read({b"k": b"a", b"v": content, b"u": b"1"}) is None


def test_a_worker_counts_what_stands_beside_the_vectors_and_what_has_grown():
    some, later = Vectors(room=10 * BESIDE), time.time() + 60
    for number in range(50):
        some.of(str(number), 1)
    assert len(some.partitions) < 10
    for number in range(40):
        some.of("49", 1).put(str(number), vector(1), later)
    some.trim()
    assert list(some.partitions) == ["49"]


def test_a_worker_has_so_many_partitions_and_no_more(monkeypatch):
    monkeypatch.setattr(vectors, "PARTITIONS", 3)
    some = Vectors()
    for number in range(9):
        some.of(str(number), 2)
    assert list(some.partitions) == ["6", "7", "8"]


def test_workers_learn_from_one_another_what_they_have_not_seen(redis):
    later = time.time() + 60
    for number in range(250):
        shared_vectors.write("p1", Learnt(f"k{number}", vector(1, number).tobytes(), later))
    known = Partition(2)
    shared_vectors.hear("p1", known)
    assert len(known.places) == 250
    seen = known.seen
    shared_vectors.tell("p1", Learnt("new", vector(1, 0), later))
    until = time.monotonic() + 5
    while "new" not in known.places and time.monotonic() < until:
        shared_vectors.hear("p1", known)
    assert "new" in known.places
    assert known.seen != seen
    assert np.allclose(known.rows[known.places["new"][0]], [1, 0])


def test_the_shared_list_ends_with_the_last_answer_it_leads_to(redis):
    from shared_state import link

    shared_vectors.write("p2", Learnt("a", vector(1, 0).tobytes(), time.time() + 500))
    shared_vectors.write("p2", Learnt("b", vector(1, 0).tobytes(), time.time() + 60))
    with link.use() as client:
        assert 400 < client.ttl(link.key("cache", "like", "p2")) <= 500


def test_a_worker_without_redis_goes_by_what_it_knows(redis):
    redis.stop()
    known = Partition(2)
    known.put("a", vector(1, 0), time.time() + 60)
    shared_vectors.hear("p3", known)
    shared_vectors.write("p3", Learnt("b", vector(1, 0).tobytes(), time.time() + 60))
    assert list(known.places) == ["a"]


def test_what_one_worker_learnt_serves_another(alike, provider, likeness, embeds, redis):
    provider.post(OPENAI, json=CHAT)
    headers = {"x_portkey_cache_namespace": str(time.time_ns())}
    assert status(alike("Hi", **headers)) == "SEMANTIC MISS"
    (name,) = vectors.vectors.partitions
    (key,) = vectors.vectors.partitions[name].places
    assert written(key)
    known, until = Partition(3), time.monotonic() + 5
    while not known.places and time.monotonic() < until:
        shared_vectors.hear(name, known)
    forget()
    assert status(alike("Hello", **headers)) == "SEMANTIC HIT"


# What an admin can set


def test_a_key_of_another_workspace_or_of_a_provider_without_embeddings_is_refused(workspace):
    other = Workspace.objects.create(slug="other", name="Other")
    theirs = create_virtual_key(other, "T", provider="openai", slug="theirs", secret="sk-theirs-of-tests")
    claude = create_virtual_key(workspace, "C", provider="anthropic", slug="claude", secret="sk-ant-of-tests")
    for key, told in ((theirs, "another workspace"), (claude, "offers no embeddings")):
        with pytest.raises(ValidationError) as refused:
            SemanticCache(workspace=workspace, virtual_key=key).full_clean()
        assert told in str(refused.value)


@pytest.mark.parametrize("wrong", [{"threshold": 0.2}, {"threshold": 1.5}, {"dimensions": 3}, {"model": ""}])
def test_what_makes_no_sense_is_refused(workspace, virtual_key, wrong):
    with pytest.raises(ValidationError):
        SemanticCache(workspace=workspace, virtual_key=virtual_key, **wrong).full_clean()


def test_the_page_of_the_admin_saves_and_says_what_it_costs(admin_client, workspace, virtual_key):
    page = admin_client.get("/admin/cache/semanticcache/add/")
    assert b"bills" in page.content
    sent = {"workspace": workspace.pk, "virtual_key": virtual_key.pk, "enabled": "on", "threshold": "0.9"}
    answer = admin_client.post("/admin/cache/semanticcache/add/", {**sent, "model": "text-embedding-3-large"})
    assert answer.status_code == 302, answer.content
    row = SemanticCache.objects.get()
    assert (row.pk, row.threshold, row.model) == (workspace.pk, 0.9, "text-embedding-3-large")
    assert semantic.find(str(workspace.pk)).model == "text-embedding-3-large"
    page = admin_client.get(f"/admin/cache/semanticcache/{row.pk}/change/")
    assert page.status_code == 200
    told = AuditEvent.objects.get(object_kind="semantic_cache")
    assert (told.action, told.workspace_id) == ("create", workspace.pk)
    listed = admin_client.get("/admin/cache/semanticcache/?q=def")
    assert b"text-embedding-3-large" in listed.content

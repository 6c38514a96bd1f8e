"""A provider's answer without the credential it was asked with."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import hiding

SECRET = "sk-a-secret-of-the-tests"
MASK = b"sk*****sts"


def hidden(chunks):
    return list(hiding.chunks(chunks, SECRET))


@pytest.mark.parametrize("cut", range(len(SECRET) + 1))
def test_the_secret_is_masked_wherever_it_is_cut(cut):
    text = f"key {SECRET[:cut]}", f"{SECRET[cut:]} is wrong\n"
    assert b"".join(hidden([part.encode() for part in text])) == b"key " + MASK + b" is wrong\n"


def test_what_only_begins_like_it_arrives_all_the_same():
    assert b"".join(hidden([b"sk-a-sec", b"ond one", b"s"])) == b"sk-a-second ones"


def test_a_pause_stays_a_pause_and_nothing_else_becomes_one():
    assert hidden([b"a", b"", b"sk-", b"", b"b"]) == [b"a", b"", b"", b"sk-b"]


@given(st.lists(st.sampled_from([b"sk-", b"a-secret", b"-of-the", b"-tests", b"x", SECRET.encode(), b"\n"])))
def test_it_never_comes_through_and_nothing_else_is_lost(parts):
    whole = b"".join(parts)
    assert b"".join(hidden(parts)) == whole.replace(SECRET.encode(), MASK)


def test_headers_are_masked_too():
    assert hiding.headers({"x-echo": f"Bearer {SECRET}"}, SECRET) == {"x-echo": "Bearer " + MASK.decode()}
    assert hiding.headers({f"x-{SECRET}": "1", "x-b": "2"}, SECRET) == {"x-b": "2"}


ODD = "key/with+odd=signs/of-the-tests=="


@pytest.mark.parametrize(
    "echoed",
    [
        ODD,
        json.dumps(ODD)[1:-1],
        ODD.replace("/", "\\/"),
        ODD.replace("+", "\\u002B"),
        ODD.replace("=", "\\u003d"),
        quote(ODD),
        quote(ODD, safe=""),
    ],
)
def test_a_secret_is_masked_as_json_and_urls_write_it(echoed):
    sent = [f'{{"error": "wrong key {echoed}"}}'.encode()]
    told = json.loads(b"".join(hiding.masked(iter(sent), hiding.spellings(ODD))))
    assert "odd" not in told["error"]
    assert told["error"].startswith("wrong key ")


@pytest.mark.parametrize(
    "secret", ['{"private_key": "-----BEGIN\\nMIIE\\n-----END", "a": "b\\"c"}', "a\tb\nc-a-secret"]
)
def test_an_echo_in_json_is_json_without_it(secret):
    sent = json.dumps({"error": {"message": f"wrong: {secret}", "code": 1}}).encode()
    told = json.loads(b"".join(hiding.masked(iter([sent[:20], sent[20:]]), hiding.spellings(secret))))
    assert told == {"error": {"message": "wrong: *****", "code": 1}}


def test_a_plain_secret_is_looked_for_once():
    assert hiding.spellings(SECRET) == (SECRET,)
    assert hiding.spellings("EMPTY") == ()


@pytest.mark.parametrize(
    ("secret", "hidden"), [("none", False), ("EMPTY", False), ("", False), (SECRET, True)]
)
def test_a_placeholder_is_no_secret(secret, hidden):
    assert hiding.is_secret(secret) is hidden

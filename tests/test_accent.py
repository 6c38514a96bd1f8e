"""How a call is put to a provider that speaks OpenAI's words with an accent."""

import json

from providers.accent import Accent
from providers.fields import DROPPED, Field
from providers.formats import openai
from providers.types import Ask, Credential, Operation, Provider


def sent(accent, raw, **about):
    provider = Provider("acme", "Acme", "https://acme.example", {"chat": Operation("", openai.chat(accent))})
    ask = Ask("chat", json.loads(raw), raw, "m", **about)
    request = provider.request("chat", ask, Credential("secret"))
    return request.body, request.ignored


RENAMED = Accent(fields=(Field("a", to="b"), Field("c", via=lambda value, ask: DROPPED)))


def test_parameters_are_renamed_and_left_out():
    assert sent(RENAMED, b'{"model":"m","a":1,"c":2}') == (b'{"model":"m","b":1}', ("c",))


def test_a_call_in_which_nothing_changes_goes_as_its_bytes():
    raw = b'{ "model": "m", "x": null, "y": 1.0 }'
    assert sent(RENAMED, raw) == (raw, ())


def test_null_is_not_sent_where_the_parameter_has_a_row():
    assert sent(RENAMED, b'{"model":"m","a":null,"c":null,"x":null}') == (b'{"model":"m","x":null}', ())


def test_null_takes_nothing_from_what_was_renamed_to_it():
    accent = Accent(fields=(Field("a", to="b"), Field("b")))
    assert sent(accent, b'{"model":"m","a":1,"b":null}') == (b'{"model":"m","b":1}', ())


def test_what_is_always_asked_for_and_adds_nothing_changes_nothing():
    raw = b'{ "model": "m" }'
    accent = Accent(fields=(Field("a", to="b", always=True, via=lambda value, ask: None),))
    assert sent(accent, raw) == (raw, ())


def test_a_call_without_any_of_the_wanted_bytes_is_not_looked_at():
    accent = Accent(fields=(Field("a", to="b"),), wanted=(b'"c"',), everywhere=False)
    assert sent(accent, b'{ "model": "m", "a": 1 }') == (b'{ "model": "m", "a": 1 }', ())
    assert sent(accent, b'{"model":"m","a":1,"x":"c"}') == (b'{"model":"m","x":"c","b":1}', ())
    raw = b'{ "model": "m", "a": 1, "x": "c" }'
    assert sent(accent, raw, custom_host=True) == (raw, ())

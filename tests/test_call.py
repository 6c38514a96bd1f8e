"""What the client asked, checked at the door."""

import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from proxy import body, call, watch
from proxy.call import Headers
from proxy.errors import BodyTooLarge, InvalidRequest

OWN = "019a0000-0000-7000-8000-00000000abcd"


def headers(**named):
    return Headers({call.environ_name(name.replace("_", "-")): value for name, value in named.items()})


def read(asked, **named):
    return call.read("chatComplete", "chat", headers(**named), json.dumps(asked).encode())


def test_headers_are_found_by_their_lower_case_names():
    found = Headers({"HTTP_X_A": "1", "CONTENT_TYPE": "application/json", "wsgi.input": None})
    assert dict(found) == {"x-a": "1", "content-type": "application/json"}


@pytest.mark.parametrize("model", [None, "", "portkey-default"])
def test_a_call_without_a_model_names_none(model):
    assert read({"model": model, "messages": []}).model == ""


def test_a_model_that_is_no_text_is_refused():
    with pytest.raises(ParseError, match="model"):
        read({"model": 4})


def test_a_body_of_another_type_is_refused():
    with pytest.raises(InvalidRequest, match="Invalid content type passed"):
        read({"model": "m"}, content_type="text/plain")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("500", 0.5), ("0", None), ("-1", None), ("soon", None), ("inf", None), ("nan", None)],
)
def test_a_request_timeout_is_milliseconds_and_what_is_none_is_ignored(value, seconds):
    assert read({"model": "m"}, x_portkey_request_timeout=value).timeout == seconds


def test_only_the_word_false_switches_strictness_off():
    assert read({"model": "m"}).strict
    assert read({"model": "m"}, x_portkey_strict_open_ai_compliance="0").strict
    assert not read({"model": "m"}, x_portkey_strict_open_ai_compliance="false").strict


def test_forwarded_headers_cannot_name_their_own_list():
    assert read({"model": "m"}, x_portkey_forward_headers="X-A, x-b,").forward == ("x-a", "x-b")
    with pytest.raises(InvalidRequest, match="forward_headers"):
        read({"model": "m"}, x_portkey_forward_headers="x-portkey-forward-headers")


def test_a_trace_without_headers_is_the_calls_own_id():
    assert call.trace(headers(), OWN, "POST", "/v1/x").id == OWN


def test_a_traceparent_gives_the_trace_and_explicit_headers_win():
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    found = call.trace(headers(traceparent=parent), OWN, "POST", "/v1/x")
    assert (found.id, found.parent, found.name) == ("a" * 32, "b" * 16, "POST /v1/x")
    named = call.trace(headers(traceparent=parent, x_portkey_trace_id="mine"), OWN, "POST", "/v1/x")
    assert (named.id, named.parent) == ("mine", "b" * 16)


@pytest.mark.parametrize("bad", ["", "00-zz", "00-" + "0" * 32 + "-" + "b" * 16 + "-01"])
def test_a_malformed_traceparent_is_ignored(bad):
    assert call.trace(headers(traceparent=bad), OWN, "POST", "/v1/x").id == OWN


def test_metadata_comes_from_the_key_then_the_request_then_baggage():
    found = call.metadata(
        headers(x_portkey_metadata='{"a": "request", "b": 2, "k": "request"}', baggage="a=bag,c=x%20y;p=1"),
        {"k": "key"},
    )
    assert found == {"a": "request", "b": "2", "c": "x y", "k": "key"}


@pytest.mark.parametrize("text", ["", "{'a': 1}", "[1]", "nonsense"])
def test_metadata_that_is_no_object_counts_as_none(text):
    assert call.metadata(headers(x_portkey_metadata=text), {}) == {}


def test_long_metadata_is_cut():
    found = call.metadata(headers(x_portkey_metadata=json.dumps({"k" * 200: "v" * 200})), {})
    assert found == {"k" * 128: "v" * 128}


def environ(raw, **more):
    return {"wsgi.input": io.BytesIO(raw), "CONTENT_LENGTH": str(len(raw)), **more}


def test_a_body_is_read_whole():
    raw = b"x" * (body.SLICE * 2 + 7)
    assert body.read(environ(raw)) == raw


def test_a_chunked_body_without_a_length_is_read_to_its_end():
    raw = b"y" * (body.SLICE + 1)
    assert body.read(environ(raw, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")) == raw


def test_a_body_over_the_limit_is_refused(settings):
    settings.MAX_BODY_MB = 0.001
    raw = b"z" * 2000
    for more in ({}, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}):
        with pytest.raises(BodyTooLarge):
            body.read(environ(raw, **more))


def test_a_body_that_ends_early_is_a_client_that_left():
    with pytest.raises(watch.ClientGone, match="ended after 3 of 9"):
        body.read({"wsgi.input": io.BytesIO(b"abc"), "CONTENT_LENGTH": "9"})


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'"x"', b'{"a": NaN}', b'{"a": Infinity}', b"\xff", b"1"])
def test_what_is_no_json_object_is_refused_with_the_place_where_it_broke(raw):
    with pytest.raises(ParseError) as refused:
        body.parse(raw)
    assert "JSON" in str(refused.value.detail)


def test_json_that_the_quick_parser_refuses_is_read_all_the_same():
    assert body.parse(b'{"a": "\\ud800", "n": 123456789012345678901234567890}') == {
        "a": "\ud800",
        "n": 123456789012345678901234567890,
    }


def test_a_body_nested_too_deep_is_refused():
    with pytest.raises(ParseError):
        body.parse(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


@given(st.binary(max_size=200))
def test_parsing_never_fails_in_another_way(raw):
    with contextlib.suppress(ParseError):
        assert isinstance(body.parse(raw), dict)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a": "\\ud800", "b": "x"}', {"a": "\ud800", "b": "x"}),
        ('{"a": [1, {"b": null}]}', {"a": '[1,{"b":null}]'}),
        ('{"a": ' + "[" * 900 + "]" * 900 + "}", {"a": "[" * 128}),
    ],
)
def test_odd_metadata_is_kept_as_texts(text, kept):
    assert call.metadata(headers(x_portkey_metadata=text), {}) == kept


def test_metadata_nested_without_end_is_none():
    assert call.metadata(headers(x_portkey_metadata='{"a":' + "[" * 100_000), {}) == {}


def test_headers_in_utf8_are_read_as_their_sender_meant_them():
    sent = '{"stadt": "Köln"}'.encode().decode("latin-1")
    assert call.metadata(headers(x_portkey_metadata=sent), {}) == {"stadt": "Köln"}
    assert call.utf8("caf\xe9") == "café"


def test_a_traceparents_own_span_has_sixteen_digits():
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert len(call.trace(headers(traceparent=parent), OWN, "POST", "/v1/x").span) == 16


@pytest.mark.parametrize("kind", ["application/jsonfoo", "text/plain", "audio"])
def test_a_media_type_is_compared_whole(kind):
    with pytest.raises(InvalidRequest, match="Invalid content type"):
        read({"model": "m"}, content_type=kind)


def test_a_media_type_may_have_parameters_and_any_case():
    assert read({"model": "m"}, content_type="Application/JSON; charset=utf-8").model == "m"


def test_chunks_that_cannot_be_read_are_the_clients_fault():
    class Broken:
        def read(self, size):
            raise OSError("Invalid chunk size")

    with pytest.raises(ParseError, match="chunks"):
        body.read({"wsgi.input": Broken(), "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"})

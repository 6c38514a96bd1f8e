"""The model in a multipart form."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request

from proxy import form

TYPE = "multipart/form-data; boundary=xyz"
AUDIO = bytes(range(256)) * 1000


def written(*parts, end=b"--xyz--\r\n"):
    return b"".join(b"--xyz\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + end


FILE = (b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav', AUDIO)
MODEL = (b'Content-Disposition: form-data; name="model"', b"@openai/whisper-1")


@pytest.mark.parametrize("parts", [(FILE, MODEL), (MODEL, FILE), (FILE, MODEL, (*FILE[:1], b"x")), (MODEL,)])
def test_the_model_is_found_and_renamed_and_no_other_byte_changes(parts):
    raw = written(*parts)
    assert form.model(TYPE, raw) == "@openai/whisper-1"
    assert form.relabelled(TYPE, raw, "whisper-1") == raw.replace(b"@openai/", b"")


@pytest.mark.parametrize(
    "head",
    [
        b"content-type: text/plain\r\ncontent-disposition: form-data; name=model",
        b'CONTENT-DISPOSITION: form-data;name="model"\r\nContent-Type: text/plain; charset=utf-8',
    ],
)
def test_its_headers_may_be_written_in_several_ways(head):
    assert form.model('multipart/form-data; charset=x; boundary="xyz"', written((head, b"m"))) == "m"


@pytest.mark.parametrize(
    "raw",
    [
        written(FILE),
        written((b'Content-Disposition: form-data; name="supermodel"', b"m")),
        written((b'Content-Disposition: form-data; name="file"; filename="model"', b"m")),
        written((MODEL[0], b"x" * 600)),
        written(MODEL, end=b""),
        b"",
    ],
)
def test_where_there_is_none_nothing_is_found_or_changed(raw):
    assert form.model(TYPE, raw) == ""
    assert form.relabelled(TYPE, raw, "m") == raw


def test_what_a_library_writes_is_read():
    sent = Request("POST", "http://x", files={"file": ("a", AUDIO)}, data={"model": "m/é"}).prepare()
    assert form.model(sent.headers["content-type"], sent.body) == "m/é"


@given(st.text(max_size=60), st.binary(max_size=200))
def test_whatever_comes_nothing_fails(kind, raw):
    form.model(f"multipart/form-data; boundary={kind}", raw)


@pytest.mark.parametrize(
    "line", [b"--b\r\n", b"--b\r\na\r\n", b"--b\r\ncontent-disposition: form-data; name=model\r\n", b"a\r\n"]
)
def test_no_form_takes_long_to_search(line):
    began = time.process_time()
    assert form.model("multipart/form-data; boundary=b", line * 60_000) == ""
    assert time.process_time() - began < 2

"""HTTP/1.1 as bytes: what is written, what is read, and that nothing depends on how it was cut."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import http1
from proxy.connections import AT_ONCE

CHUNKED = b"5;x=y\r\nhello\r\n1\r\n \r\n" + b"A" + b"\r\nwor" + b"ld, hey\r\n0\r\nx-trailer: 1\r\n\r\n"


def cut(data, sizes):
    """`data` in pieces of the given sizes, over and over."""
    pieces, at = [], 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    return pieces


@given(st.lists(st.integers(1, 9), min_size=1))
def test_a_chunked_body_does_not_depend_on_how_it_was_cut(sizes):
    framing = http1.Chunked()
    assert b"".join(framing.feed(piece) for piece in cut(CHUNKED, sizes)) == b"hello world, hey"
    assert framing.ended


@given(st.binary(max_size=60), st.lists(st.integers(1, 9), min_size=1))
def test_a_counted_body_ends_where_it_said(body, sizes):
    framing, read, rest = http1.Counted(len(body)), b"", b""
    for piece in cut(body + b"next", sizes):
        if framing.ended:
            rest += piece
        else:
            read += framing.feed(piece)
            rest = framing.rest
    assert (read, rest, framing.ended) == (body, b"next", True)


def test_chunks_of_one_byte_hold_nobody_up():
    """As many of them as are taken from a connection at once; elsewhere a loop waits meanwhile."""
    framing, data = http1.Chunked(), b"1\r\na\r\n" * (AT_ONCE // 6)
    begun = time.thread_time()
    assert framing.feed(data) == b"a" * (AT_ONCE // 6)
    assert time.thread_time() - begun < 0.05


def test_what_follows_a_chunked_body_is_not_part_of_it():
    framing = http1.Chunked()
    framing.feed(CHUNKED + b"HTTP/1.1 200 OK")
    assert framing.rest == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "body", [b"x\r\n", b"-1\r\n", b"+1\r\na", b"0x1\r\na", b"1_0\r\n", b"\r\n", b"1\r\nab\r\n", b"f" * 9000]
)
def test_chunks_that_are_none_are_an_error(body):
    with pytest.raises(ValueError):
        http1.Chunked().feed(body)


@given(st.lists(st.one_of(st.binary(), st.sampled_from([b"5\r\n", b"0\r\n", b"\r\n", b"hello"]))))
def test_any_bytes_are_a_body_or_a_value_error(pieces):
    framing = http1.Chunked()
    try:
        for piece in pieces:
            framing.feed(piece)
    except ValueError:
        return
    assert framing.ended or not framing.closed()


def test_a_head_is_read():
    lines = ["HTTP/1.1 429 Many", "Content-Type: text/plain", "Set-Cookie: a", "set-cookie: b", "X: a", " b"]
    data = "\r\n".join([*lines, "", "rest"]).encode()
    end = http1.head_end(data)
    head = http1.Head(data[:end])
    assert data[end:] == b"rest"
    assert (head.status, head.persistent) == (429, True)
    assert head.headers["CONTENT-TYPE"] == "text/plain"
    assert head.headers.get("Set-Cookie") == "a, b"
    assert head.headers["x"] == "a b"
    assert "x-none" not in head.headers


@pytest.mark.parametrize(
    "first, connection, persistent",
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "close", False),
        ("HTTP/1.1", "Keep-Alive, Close", False),
        ("HTTP/1.0", "", False),
        ("HTTP/1.0", "Keep-Alive", True),
    ],
)
def test_a_connection_is_kept_where_the_server_keeps_it(first, connection, persistent):
    head = http1.Head(f"{first} 200\r\nconnection: {connection}\r\ncontent-length: 0\r\n\r\n".encode())
    assert head.persistent is persistent


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/2 200 OK",
        "ICY 200 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 OK",
        "HTTP/1.1 600 Odd",
        "HTTP/1.1 999 Odd",
        "HTTP/1.1 200 O\x07K",
        "HTTP/1.1 200 OK\r\nx: a\x01b",
        "HTTP/1.1 200 OK\r\nx: a\x7f",
        "HTTP/1.1 200 OK\r\nx: a\r\n \x1b[1m",
        "HTTP/1.1 200 OK" + "\r\nx: y" * 201,
        f"HTTP/1.1 200 OK\r\n{'x' * 257}: y",
        "<html>",
        "HTTP/1.1 200 OK\r\nno colon",
        "HTTP/1.1 200 OK\r\nna me: x",
        "HTTP/1.1 200 OK\r\n: x",
    ],
)
def test_a_head_that_is_none_is_an_error(head):
    with pytest.raises(ValueError):
        http1.Head(f"{head}\r\n\r\n".encode())


@given(st.one_of(st.binary(), st.binary().map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest)))
def test_any_bytes_are_a_head_or_a_value_error(data):
    try:
        head = http1.Head(data)
        http1.framing("POST", head)
    except ValueError:
        return
    assert 100 <= head.status <= 599
    assert all(
        char == "\t" or char.isprintable() or char >= "\x80" for char in "".join(head.headers.values())
    )


def test_a_head_may_be_of_latin_letters_and_tabs():
    head = http1.Head("HTTP/1.1 200 Ça va\r\nx: caf\xe9\t1\r\n\r\n".encode("latin-1"))
    assert head.headers["x"] == "caf\xe9\t1"


def test_what_is_kept_of_names_has_a_size():
    known = http1._checked.cache_info().currsize
    for length in (257, 100_000):
        with pytest.raises(ValueError, match="longer than"):
            http1.Head(f"HTTP/1.1 200 OK\r\n{'n' * length}: y\r\n\r\n".encode())
    assert http1._checked.cache_info().currsize == known


def test_a_head_has_a_size():
    assert http1.head_end(b"x" * 1000) == 0
    with pytest.raises(ValueError):
        http1.head_end(b"x" * (http1.HEAD_LIMIT + 1))


@pytest.mark.parametrize(
    "headers", ["content-length: x", "content-length: -1", "content-length: 5, 6", "transfer-encoding: gzip"]
)
def test_a_body_whose_end_is_unclear_is_an_error(headers):
    with pytest.raises(ValueError):
        http1.framing("POST", http1.Head(f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode()))


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("POST", 204), ("GET", 304)])
def test_some_answers_have_no_body(method, status):
    head = http1.Head(f"HTTP/1.1 {status} X\r\ncontent-length: 5\r\n\r\n".encode())
    assert http1.framing(method, head).ended


def test_a_request_says_how_long_it_is_and_refuses_compression():
    headers = {
        "Content-Length": "7",
        "Host": "evil",
        "Accept-Encoding": "br",
        "Connection": "close",
        "x-a": "1",
    }
    head = http1.request_head("POST", "/v1?a=b", "h.example:1", headers, 5).decode()
    assert head.split("\r\n") == [
        "POST /v1?a=b HTTP/1.1",
        "host: h.example:1",
        "accept-encoding: identity",
        "content-length: 5",
        "x-a: 1",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "target, name, value",
    [
        ("/a b", "x", "1"),
        ("/a\r\nx: 1", "x", "1"),
        ("/ä", "x", "1"),
        ("/", "x y", "1"),
        ("/", "x:", "1"),
        ("/", "", "1"),
        ("/", "x", "1\r\nhost: evil"),
        ("/", "x", "1\n"),
        ("/", "x", "1\0"),
        ("/", "x", "☃"),
    ],
)
def test_a_request_cannot_be_split(target, name, value):
    with pytest.raises(ValueError):
        http1.request_head("POST", target, "h.example", {name: value}, 0)


@given(st.text(), st.text())
def test_any_header_is_one_line_or_a_value_error(name, value):
    try:
        head = http1.request_head("GET", "/", "h", {name: value}, 0)
    except ValueError:
        return
    assert head.count(b"\n") <= 5
    assert head.endswith(b"\r\n\r\n")

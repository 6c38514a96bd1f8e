"""The one door out, against servers that say what no decent server would."""

import gzip
import socket
import ssl
import threading
import time
import zlib

import pytest
import requests
import responses

from providers.errors import Garbled, TimedOut, Unreachable, Unrenderable
from providers.types import WireRequest
from proxy import connections, upstream
from proxy.addresses import Forbidden
from proxy.upstream import Broken
from tests import greenlets
from tests.canned import Canned, certificate

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-length: 5\r\n\r\nhello"


@pytest.fixture(autouse=True)
def nothing_is_left_open():
    yield
    for adapter in (upstream.FOR_ADMINS, upstream.FOR_CLIENTS):
        adapter.close()
    for read_once in (connections.tls, connections.outbound_proxy, connections.proxy_headers):
        read_once.cache_clear()


@pytest.fixture
def serve():
    """Starts servers that follow a script, or answer every request with the bytes given."""
    servers = []

    def start(script, tls=None):
        if isinstance(script, bytes):
            servers.append(Canned(always(script), tls))
        else:
            servers.append(Canned(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def always(said):
    def script(line):
        while line.request():
            line.say(said)

    return script


def once(*said):
    """Answers the first request of a connection and closes it."""

    def script(line):
        line.request()
        line.say(*said)

    return script


def ask(server, *, host="127.0.0.1", scheme="http", path="/v1/chat", body=b"{}", headers=None, **options):
    url = f"{scheme}://{host}:{server.port}{path}"
    options.setdefault("named_by_client", False)
    return upstream.send(WireRequest("POST", url, headers or {}, body), **options)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return gone.getsockname()[1]


# What goes out and what comes in.


def test_a_request_goes_out_as_it_is_and_its_answer_comes_back(serve):
    server = serve(OK + b"Content-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello")
    reply = ask(server, path="/v1/chat?x=1", body=b'{"a": 1}', headers={"authorization": "Bearer s"})
    assert (reply.status, reply.headers["content-type"], reply.read(100)) == (200, "text/plain", b"hello")
    head, _, body = server.asked[0].decode().partition("\r\n\r\n")
    assert body == '{"a": 1}'
    assert head.splitlines() == [
        "POST /v1/chat?x=1 HTTP/1.1",
        f"host: 127.0.0.1:{server.port}",
        "accept-encoding: identity",
        "content-length: 8",
        "authorization: Bearer s",
        f"{upstream.LOOP_HEADER}: {upstream.LOOP_MARK}",
    ]


def test_a_large_request_and_a_large_answer(serve):
    answer = b"x" * 3_000_000
    server = serve(OK + b"content-length: 3000000\r\n\r\n" + answer)
    assert ask(server, body=b"y" * 3_000_000).read(4_000_000) == answer
    assert server.asked[0].endswith(b"y" * 3_000_000)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(serve, status):
    server = serve(b"HTTP/1.1 %d X\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n" % status)
    reply = ask(server)
    assert (reply.status, reply.read(10)) == (status, b"")
    assert len(server.asked) == 1


def test_nothing_is_asked_of_the_environment(serve, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    server = serve(HELLO)
    assert ask(server).read(10) == b"hello"
    assert b"authorization" not in server.asked[0].lower()


CHUNKS = b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_an_answer_does_not_depend_on_how_it_was_cut(serve, size):
    said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK + CHUNKS
    pieces = [said[at : at + size] for at in range(0, len(said), size)]

    def script(line):
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while line.request():
            line.say(*pieces)

    server = serve(script)
    for _ in range(2):
        assert ask(server).read(100) == b"hello"
    assert server.connections == 1


def test_an_answer_without_a_length_ends_with_its_connection(serve):
    server = serve(once(OK + b"\r\nhel", b"lo"))
    assert ask(server).read(100) == b"hello"


@pytest.mark.parametrize(
    "coding, packed",
    [
        (b"gzip", gzip.compress(b"hello" * 100, mtime=0)),
        (b"deflate", zlib.compress(b"hello" * 100)),
    ],
)
def test_a_body_compressed_unasked_is_read_all_the_same(serve, coding, packed):
    server = serve(
        OK + b"content-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (coding, len(packed)) + packed
    )
    assert ask(server).read(1000) == b"hello" * 100


def test_a_body_compressed_in_a_way_we_cannot_read_is_garbled(serve):
    with pytest.raises(Garbled, match="br"):
        ask(serve(OK + b"content-encoding: br\r\ncontent-length: 5\r\n\r\nhello")).read(100)


@pytest.mark.parametrize("name", ["content-encoding", "transfer-encoding", "content-length"])
def test_no_header_that_cannot_be_read_is_told_of(serve, name):
    with pytest.raises(Garbled) as garbled:
        ask(serve(OK + f"{name}: sk-a-secret\r\n\r\nhello".encode())).read(100)
    assert "secret" not in garbled.value.message


def test_a_compressed_body_that_is_none_is_garbled(serve):
    with pytest.raises(Garbled):
        ask(serve(OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello")).read(100)


def gzipped(body, framed=b"content-length: %d\r\n\r\n"):
    packed = gzip.compress(body, 9, mtime=0)
    return OK + b"content-encoding: gzip\r\n" + framed % len(packed) + packed


def test_a_body_that_grows_comes_in_small_pieces(serve):
    pieces = list(ask(serve(gzipped(b"x" * 5_000_000))).body)
    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) <= 16 * 1024


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_a_compressed_body_that_lacks_its_end_is_garbled_after_what_came(serve, cut):
    packed, pieces = gzip.compress(b"hello" * 100, mtime=0)[:-cut], []
    server = serve(OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed)
    with pytest.raises(Garbled, match="does not end"):
        collect(ask(server).body, pieces)
    assert cut == 20 or b"".join(pieces) == b"hello" * 100
    assert not upstream.FOR_ADMINS.pools.pool(f"http://127.0.0.1:{server.port}").idle


def test_what_follows_a_compressed_body_is_garbled(serve):
    packed = gzip.compress(b"hello", mtime=0) + b"x" * 100
    server = serve(OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed)
    with pytest.raises(Garbled, match="follows"):
        ask(server).read(100)


def test_a_compressed_body_of_nothing_is_empty(serve):
    server = serve(OK + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
    assert ask(server).read(100) == b""


def test_an_answer_larger_than_wanted_is_garbled_and_dropped(serve):
    server = serve(HELLO)
    with pytest.raises(Garbled, match="more than 4 bytes"):
        ask(server).read(4)


# Connections.


def test_a_connection_is_used_again(serve):
    server = serve(HELLO)
    for _ in range(5):
        assert ask(server).read(10) == b"hello"
    assert server.connections == 1


def test_connections_to_hosts_of_admins_and_of_clients_are_never_shared(serve, settings):
    settings.TRUSTED_CUSTOM_HOSTS = ["127.0.0.1"]
    server = serve(HELLO)
    for named_by_client in (True, False, True, False):
        ask(server, named_by_client=named_by_client).read(10)
    assert server.connections == 2


@pytest.mark.parametrize(
    "said",
    [
        OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        HELLO + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
    ],
    ids=["close", "1.0", "more than was asked"],
)
def test_some_connections_are_not_used_again(serve, said):
    server = serve(said)
    for _ in range(2):
        assert ask(server).read(10) == b"hello"
    assert server.connections == 2


def test_an_answer_that_was_not_read_takes_its_connection_with_it(serve):
    server = serve(HELLO[:-1])
    ask(server).close()
    ask(server).close()
    assert server.connections == 2


def test_an_idle_connection_that_spoke_or_was_closed_is_not_used(serve):
    server = serve(once(HELLO))
    for _ in range(3):
        assert ask(server).read(10) == b"hello"
        time.sleep(0.05)
    assert server.connections == 3
    assert len(server.asked) == 3, "Something was written to a connection known to be closed."


def test_an_idle_connection_is_used_for_half_a_minute_only(serve, monkeypatch):
    server = serve(HELLO)
    ask(server).read(10)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
    ask(server).read(10)
    assert server.connections == 2


def test_connections_to_a_host_that_nobody_calls_again_are_closed(serve, monkeypatch):
    once_called, other = serve(HELLO), serve(HELLO)
    ask(once_called).read(10)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.01)
    upstream.FOR_ADMINS.pools.next_look = 0.0
    time.sleep(0.02)
    ask(other).read(10)
    assert not upstream.FOR_ADMINS.pools.pool(f"http://127.0.0.1:{once_called.port}").idle


def test_a_reused_connection_that_breaks_before_an_answer_is_replaced_once(serve):
    def script(line):
        line.request()
        if line.server.connections == 1:
            line.say(HELLO)
            line.request()  # and no answer
        else:
            line.say(HELLO)

    server = serve(script)
    assert ask(server).read(10) == b"hello"
    assert ask(server).read(10) == b"hello"
    assert (server.connections, len(server.asked)) == (2, 3)


def test_a_fresh_connection_that_breaks_is_not_replaced(serve):
    server = serve(once())
    with pytest.raises(Unreachable, match="closed the connection before it answered"):
        ask(server)
    assert server.connections == 1


def test_a_connection_that_breaks_after_the_first_byte_is_not_replaced(serve):
    def script(line):
        while line.request():
            if len(line.server.asked) == 2:
                line.say(b"HTTP/1.1 2")
                return
            line.say(HELLO)

    server = serve(script)
    ask(server).read(10)
    with pytest.raises(Unreachable):
        ask(server)
    assert (server.connections, len(server.asked)) == (1, 2)


def test_a_server_that_answers_before_it_has_read_everything_is_heard(serve):
    def script(line):
        line.sock.recv(1000)
        line.say(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig")
        line.sock.shutdown(socket.SHUT_WR)
        while line.sock.recv(1 << 20):
            pass

    reply = ask(serve(script), body=b"x" * 5_000_000)
    assert (reply.status, reply.read(10)) == (413, b"big")


def refusing(line):
    """Answers an upload after its first bytes, reads no more of it and keeps the connection."""
    line.sock.recv(1000)
    line.say(b"HTTP/1.1 103 Early\r\n\r\n")
    time.sleep(0.05)
    line.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
    line.server.over.wait(20)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_answers_and_reads_no_more_is_heard_and_its_connection_left(
    serve, settings, tmp_path, scheme
):
    bundle, context = certificate(tmp_path)
    settings.CA_BUNDLE, settings.FIRST_BYTE_SECONDS = str(bundle), 10
    server = serve(refusing, context if scheme == "https" else None)
    server.over = threading.Event()
    for _ in range(2):
        reply = ask(server, scheme=scheme, host="localhost", body=b"x" * 20_000_000)
        assert (reply.status, reply.read(10)) == (413, b"big")
    server.over.set()
    assert server.connections == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_announcement_does_not_stop_an_upload(serve, settings, tmp_path, scheme):
    bundle, context = certificate(tmp_path)
    settings.CA_BUNDLE = str(bundle)

    def script(line):
        line.say(b"HTTP/1.1 103 Early\r\n\r\n")
        time.sleep(0.1)
        while line.request():
            line.say(HELLO)

    server = serve(script, context if scheme == "https" else None)
    for _ in range(2):
        assert ask(server, scheme=scheme, host="localhost", body=b"y" * 9_000_000).read(10) == b"hello"
    assert [request.partition(b"\r\n\r\n")[2] for request in server.asked] == [b"y" * 9_000_000] * 2
    assert server.connections == 1


def test_an_upload_that_is_not_taken_is_given_up_by_the_clock(serve):
    over = threading.Event()
    with pytest.raises(TimedOut, match=r"did not answer in 0\.3 s"):
        ask(serve(lambda line: over.wait(5)), body=b"x" * 20_000_000, patience=0.3)
    over.set()


def test_the_pools_of_many_hosts_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(connections, "HOSTS", 2)
    pools = connections.Pools(named_by_client=False)
    for name in "abca":
        pools.pool(f"http://{name}")
    assert list(pools.pools) == ["http://c", "http://a"]


def test_calls_at_once_have_connections_of_their_own(serve):
    barrier = threading.Barrier(8)

    def script(line):
        while line.request():
            barrier.wait(5)
            line.say(HELLO)

    server, read = serve(script), []
    threads = [threading.Thread(target=lambda: read.append(ask(server).read(10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (read, server.connections) == ([b"hello"] * 8, 8)


# Streams.


def test_pieces_come_as_they_arrive(serve):
    go = threading.Event()

    def script(line):
        line.request()
        line.say(OK + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        go.wait(5)
        line.say(b"3\r\ntwo\r\n0\r\n\r\n")
        line.request()

    reply = ask(serve(script))
    assert next(reply.body) == b"one"
    go.set()
    assert list(reply.body) == [b"two"]


def test_a_pause_gives_control_back_once_and_loses_nothing(serve):
    go = threading.Event()

    def script(line):
        line.request()
        line.say(OK + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n6\r\ntw")
        go.wait(5)
        line.say(b"o th\r\n0\r\n\r\n")
        line.request()

    reply = ask(serve(script))
    reply.pause_at = time.monotonic() + 0.1
    pieces = []
    for piece in reply.body:
        pieces.append(piece)
        if not piece:
            assert reply.pause_at is None
            go.set()
    assert pieces in ([b"one", b"tw", b"", b"o th"], [b"onetw", b"", b"o th"])


def test_a_stream_settles_when_it_ends_as_expected(serve):
    server = serve(OK + CHUNKS)
    reply = ask(server)
    assert next(reply.body)
    reply.settle()
    ask(server).read(100)
    assert server.connections == 1


def test_a_stream_that_does_not_end_is_not_waited_for(serve):
    def script(line):
        line.request()
        line.say(OK + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        line.request()

    reply = ask(serve(script))
    assert next(reply.body) == b"one"
    begun = time.monotonic()
    reply.settle()
    assert time.monotonic() - begun < 1
    assert list(reply.body) == []


@pytest.mark.parametrize(
    "said",
    [
        OK + b"content-length: 9\r\n\r\nhello",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n9\r\nhello",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ],
)
def test_an_answer_that_breaks_off_says_so_after_what_came(serve, said):
    reply, pieces = ask(serve(once(said))), []
    with pytest.raises(Broken, match="broke off"):
        collect(reply.body, pieces)
    assert b"".join(pieces) == b"hello"


def collect(pieces, into):
    """As `list`, but what came before a failure is not lost."""
    for piece in pieces:
        into.append(piece)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        OK + b"content-length: many\r\n\r\n",
        OK + b"x" * 200_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 21 + OK + b"\r\n",
        b"HTTP/1.1 600 Odd\r\n\r\n",
        OK + b"x: \x01\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_garbled(serve, said):
    with pytest.raises(Garbled):
        ask(serve(once(said)))


def test_a_body_that_is_no_http_is_garbled(serve):
    with pytest.raises(Garbled):
        ask(serve(once(OK + b"transfer-encoding: chunked\r\n\r\nhello\r\n"))).read(100)


# Time.


def silent(line):
    line.request()
    line.request()


def test_a_silent_server_is_given_up_when_patience_ends(serve):
    with pytest.raises(TimedOut, match=r"did not answer in 0\.2 s") as late:
        ask(serve(silent), patience=0.2)
    assert late.value.status == 408


def test_a_silent_server_is_given_up_by_the_first_byte_clock(serve, settings):
    settings.FIRST_BYTE_SECONDS = 0.2
    with pytest.raises(TimedOut):
        ask(serve(silent))


def dripping(line):
    line.request()
    line.say(OK + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(100):
        line.say(b"1\r\n.\r\n")
        time.sleep(0.02)


def test_silence_within_an_answer_has_an_end(serve, settings):
    settings.BETWEEN_EVENTS_SECONDS = 0.2
    reply = ask(serve(stalling))
    assert next(reply.body) == b"hello"
    with pytest.raises(TimedOut, match="sent nothing"):
        next(reply.body)


def stalling(line):
    line.request()
    line.say(OK + b"content-length: 9\r\n\r\nhello")
    line.request()


def test_bytes_are_progress_until_somebody_tells_events_from_them(serve, settings):
    settings.BETWEEN_EVENTS_SECONDS = 0.3
    reply = ask(serve(dripping))
    begun = time.monotonic()
    for _ in reply.body:
        if time.monotonic() - begun > 0.5:
            break
    reply.progress()
    with pytest.raises(TimedOut, match="sent nothing"):
        list(reply.body)


def test_a_whole_call_has_an_end_whatever_comes(serve, settings):
    settings.WHOLE_CALL_SECONDS = 0.3
    with pytest.raises(TimedOut, match="longer than"):
        ask(serve(dripping)).read(1000)


def test_a_host_that_does_not_take_the_connection_is_given_up(settings):
    settings.CONNECT_SECONDS = 0.2
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        waiting = [socket.socket() for _ in range(4)]
        try:
            for sock in waiting:
                sock.setblocking(False)
                sock.connect_ex(deaf.getsockname())
            with pytest.raises(TimedOut, match="could not be connected to"):
                upstream.send(
                    WireRequest("POST", f"http://127.0.0.1:{deaf.getsockname()[1]}/", {}, b""),
                    named_by_client=False,
                )
        finally:
            for sock in waiting:
                sock.close()


# Failures.


def test_a_closed_port_is_unreachable():
    with pytest.raises(Unreachable, match="refused the connection") as failed:
        upstream.send(
            WireRequest("POST", f"http://127.0.0.1:{closed_port()}/v1?key=secret", {}, b""),
            named_by_client=False,
        )
    assert "secret" not in failed.value.message
    assert failed.value.retryable


def test_an_unknown_name_is_unreachable():
    with pytest.raises(Unreachable, match=r"nowhere\.invalid could not be found"):
        upstream.send(WireRequest("POST", "http://nowhere.invalid/v1", {}, b""), named_by_client=False)


@pytest.mark.parametrize(
    "url", ["ftp://h/", "http://", "/v1", "", "http://user@h/", "http://h:99999/", "http://bücher.example/"]
)
def test_a_url_that_leads_nowhere_is_unreachable(url):
    with pytest.raises(Unreachable):
        upstream.send(WireRequest("POST", url, {}, b""), named_by_client=False)


@pytest.mark.parametrize("headers", [{"x": "a\r\nb: c"}, {"x y": "a"}])
def test_a_header_that_would_be_two_is_not_sent(serve, headers):
    server = serve(HELLO)
    with pytest.raises(Unrenderable):
        ask(server, headers=headers)
    assert server.connections == 0


# Where it may go.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_host_of_a_client_must_be_public(serve, host):
    server = serve(HELLO)
    with pytest.raises(Forbidden) as refused:
        ask(server, host=host, named_by_client=True)
    assert (server.connections, refused.value.status, refused.value.retryable) == (0, 400, False)


def test_every_address_of_a_name_is_checked(serve, monkeypatch, settings):
    server = serve(HELLO)
    good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
    bad = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [good, bad])
    with pytest.raises(Forbidden):
        ask(server, host="mixed.example")
    assert server.connections == 0


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(serve, monkeypatch):
    """A name that leads somewhere else the second time gains nothing."""
    server = serve(HELLO)
    answers = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answers.pop())
    assert ask(server, host="rebinding.example").read(10) == b"hello"


def test_a_second_address_is_tried_when_the_first_refuses(serve, monkeypatch):
    server = serve(HELLO)
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        for port in (closed_port(), server.port)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    assert ask(server, host="two.example").read(10) == b"hello"


# TLS.


def test_tls_is_checked_against_the_bundle_and_kept_open(serve, settings, tmp_path):
    bundle, context = certificate(tmp_path)
    settings.CA_BUNDLE = str(bundle)
    server = serve(OK + CHUNKS, context)
    for _ in range(3):
        assert ask(server, scheme="https", host="localhost").read(10) == b"hello"
    assert server.connections == 1


def test_a_connection_that_hides_something_in_its_tls_is_not_used_again(serve, settings, tmp_path):
    bundle, context = certificate(tmp_path)
    settings.CA_BUNDLE = str(bundle)
    body = b"x" * connections.AT_ONCE

    def script(line):
        while line.request():
            line.say(OK + b"content-length: %d\r\n\r\n" % len(body))
            line.say(body + HELLO)

    server = serve(script, context)
    for _ in range(2):
        assert ask(server, scheme="https", host="localhost").read(20_000) == body
    assert server.connections == 2


def test_a_pause_over_tls_loses_nothing(serve, settings, tmp_path):
    bundle, context = certificate(tmp_path)
    settings.CA_BUNDLE = str(bundle)
    go = threading.Event()

    def script(line):
        line.request()
        line.say(OK + b"content-length: 6\r\n\r\none")
        go.wait(5)
        line.say(b"two")
        line.request()

    reply = ask(serve(script, context), scheme="https", host="localhost")
    assert next(reply.body) == b"one"
    reply.pause_at = time.monotonic() + 0.1
    assert next(reply.body) == b""
    go.set()
    assert list(reply.body) == [b"two"]


def test_a_certificate_for_another_name_is_refused(serve, settings, tmp_path):
    bundle, context = certificate(tmp_path)
    settings.CA_BUNDLE = str(bundle)
    with pytest.raises(Unreachable, match="certificate"):
        ask(serve(HELLO, context), scheme="https", host="127.0.0.1")


def test_a_certificate_nobody_vouches_for_is_refused(serve, tmp_path):
    _, context = certificate(tmp_path)
    with pytest.raises(Unreachable, match="certificate"):
        ask(serve(HELLO, context), scheme="https", host="localhost")


def test_a_server_without_tls_is_unreachable_by_https(serve):
    with pytest.raises(Unreachable, match="TLS"):
        ask(serve(lambda line: line.say(HELLO)), scheme="https", host="localhost")


# A proxy on the way out.


def tunnel(line):
    """What a forward proxy does with CONNECT: join two sockets."""
    request = line.request()
    host, _, port = request.split(b" ")[1].decode().rpartition(":")
    with socket.create_connection((host, int(port))) as far:
        line.say(b"HTTP/1.1 200 Connected\r\n\r\n")
        threading.Thread(target=pour, args=[far, line.sock], daemon=True).start()
        pour(line.sock, far)


def pour(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        return


def test_https_goes_through_the_proxy_in_a_tunnel(serve, settings, tmp_path):
    bundle, context = certificate(tmp_path)
    server, proxy = serve(HELLO, context), serve(tunnel)
    settings.CA_BUNDLE = str(bundle)
    settings.OUTBOUND_PROXY = f"http://me:p%40ss@127.0.0.1:{proxy.port}"
    for _ in range(2):
        assert ask(server, scheme="https", host="localhost").read(10) == b"hello"
    assert proxy.connections == 1
    assert proxy.asked[0].startswith(f"CONNECT localhost:{server.port} HTTP/1.".encode())
    assert b"Basic bWU6cEBzcw==" in proxy.asked[0]
    assert b"Basic" not in server.asked[0]


def test_http_goes_through_the_proxy_with_its_whole_url(serve, settings):
    proxy = serve(HELLO)
    settings.OUTBOUND_PROXY = f"http://127.0.0.1:{proxy.port}"
    wire = WireRequest("POST", "http://api.example.invalid/v1/chat", {}, b"{}")
    assert upstream.send(wire, named_by_client=False).read(10) == b"hello"
    assert proxy.asked[0].startswith(
        b"POST http://api.example.invalid/v1/chat HTTP/1.1\r\nhost: api.example.invalid"
    )


@pytest.mark.parametrize(
    "host, named_by_client",
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("169.254.169.254", False),
        ("[::ffff:169.254.169.254]", False),
    ],
)
def test_a_proxy_does_not_open_what_is_closed(serve, settings, host, named_by_client):
    proxy = serve(HELLO)
    settings.OUTBOUND_PROXY = f"http://127.0.0.1:{proxy.port}"
    with pytest.raises(Forbidden):
        upstream.send(WireRequest("POST", f"http://{host}/", {}, b""), named_by_client=named_by_client)
    assert proxy.connections == 0


# In a worker.

WORKER = """
import django; django.setup()
from django.conf import settings
from providers.errors import ProviderError
from providers.types import WireRequest
from proxy import upstream
worst = 0.0
def tick():
    global worst
    while True:
        begun = time.process_time()  # what other processes take is not ours
        gevent.sleep(0.01)
        worst = max(worst, time.process_time() - begun)
def wire(url):
    return WireRequest("POST", url, {}, b"{}")
gevent.spawn(tick)
gevent.sleep(0.05)
"""


@pytest.mark.parametrize(
    "said",
    [
        OK + b"\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n",
        OK + b"content-encoding: gzip\r\n\r\n",
    ],
    ids=["plain", "chunked", "gzip"],
)
def test_a_provider_faster_than_we_read_holds_no_other_call_up(serve, said):
    event = b"data: " + b"x" * 20 + b"\n\n"
    flood = event * 5000
    if b"gzip" in said:
        flood = gzip.compress(flood * 200, 1, mtime=0)
    elif b"chunked" in said:
        flood = b"%x\r\n%b\r\n" % (len(event), event) * 5000

    def script(line):
        line.request()
        line.say(said, *[flood] * (1 if b"gzip" in said else 400))

    took, worst = greenlets.told(
        WORKER
        + """
from providers.framing import sse_frames
reply = upstream.send(wire(f"http://127.0.0.1:{sys.argv[1]}/"), named_by_client=False)
begun = time.monotonic()
try:
    for frame in sse_frames(reply.body):
        sum(range(2000))
        if time.monotonic() - begun > 1.5:
            break
except ProviderError:
    pass
tell(time.monotonic() - begun)
gevent.sleep(0.05)
tell(worst)
reply.close()
""",
        serve(script).port,
    )
    assert took > 0.5
    assert worst < 0.15


def test_names_of_clients_that_do_not_answer_delay_no_other_names():
    outcomes, took, others = greenlets.told(
        WORKER
        + """
import _socket
really, sleep = _socket.getaddrinfo, gevent.monkey.get_original("time", "sleep")
def look_up(host, *arguments, **more):
    if "example" in str(host):
        sleep(2)
    return really("127.0.0.1", *arguments, **more)
_socket.getaddrinfo = look_up  # what all of them end in
settings.CONNECT_SECONDS = 0.5
def ask(url, named_by_client):
    begun = time.monotonic()
    try:
        upstream.send(wire(url), named_by_client=named_by_client)
    except ProviderError as error:
        return type(error).__name__, time.monotonic() - begun
slow = [gevent.spawn(ask, f"http://slow-{n}.example/", True) for n in range(20)]
gevent.sleep(0.1)
other = ask("http://known.test:1/", False)
gevent.joinall(slow)
tell(sorted({one.value[0] for one in slow}))
tell(max(one.value[1] for one in slow))
tell(other)
"""
    )
    assert outcomes == ["TimedOut"]
    assert took < 1.8
    assert others[0] == "Unreachable"
    assert others[1] < 0.4


# Where tests stand in for the world.


def test_responses_can_stand_in():
    with responses.RequestsMock(target="proxy.upstream.Adapter.send") as world:
        world.post("https://api.example.com/v1/chat", body="hello", status=201, headers={"X-A": "b"})
        wire = WireRequest("POST", "https://api.example.com/v1/chat", {}, b"{}")
        reply = upstream.send(wire, named_by_client=False)
        reply.pause_at = time.monotonic()
        assert (reply.status, reply.headers["x-a"]) == (201, "b")
        assert list(reply.body) == [b"hello"]
        reply.settle()
        assert world.calls[0].request.body == b"{}"


@pytest.mark.parametrize(
    "raised, expected",
    [
        (requests.ConnectTimeout(), TimedOut),
        (requests.ConnectionError("x"), Unreachable),
        (ssl.SSLError(), Unreachable),
    ],
)
def test_what_a_stand_in_raises_is_told_in_our_terms(raised, expected):
    with responses.RequestsMock(target="proxy.upstream.Adapter.send") as world:
        world.post("https://api.example.com/v1/chat", body=raised)
        with pytest.raises(expected):
            upstream.send(
                WireRequest("POST", "https://api.example.com/v1/chat", {}, b""), named_by_client=False
            )

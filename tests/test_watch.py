"""Running calls are ended by their deadline, by a client that leaves and by a stop; others never.

All of it in a process that gevent has patched, where a call is a greenlet and its client a socket pair.
"""

import time

from proxy import watch
from tests import greenlets

SET_UP = """
import socket
from proxy import watch

class Late(Exception):
    pass

def call(work, client=None, until=None):
    watched = watch.begin({"gunicorn.socket": client})
    if until:
        watched.until(time.monotonic() + until, Late("late"))
    begun = time.monotonic()
    try:
        work()
        ended = "done"
    except BaseException as error:
        ended = type(error).__name__
    finally:
        watched.end()
    return ended, time.monotonic() - begun

def run(*calls):
    running = [gevent.spawn(call, *arguments) for arguments in calls]
    gevent.joinall(running, raise_error=True)
    return [one.value for one in running]

def waits(seconds=5):
    return lambda: gevent.sleep(seconds)
"""


def told(code):
    return greenlets.told(SET_UP + code.replace("\n    ", "\n"))


def test_a_call_ends_with_its_own_error_at_its_deadline():
    ((late, took), (done, _)) = told("""
    for result in run((waits(), None, 0.2), (waits(0.5), None, 5)):
        tell(result)
    """)
    assert (late, done) == ("Late", "done")
    assert 0.2 <= took < 1


def test_a_deadline_may_move_and_be_cleared():
    ended, _ = told("""
    def work():
        watched = watch.current()
        for _ in range(4):
            gevent.sleep(0.1)
            watched.until(time.monotonic() + 0.25, Late())
        watched.clear()
        gevent.sleep(0.5)
    tell(run((work, None, 0.25))[0])
    """)[0]
    assert ended == "done"


def test_a_deadline_is_thrown_once():
    assert told("""
    def work():
        try:
            gevent.sleep(5)
        except Late:
            gevent.sleep(0.3)
    tell(run((work, None, 0.1))[0][0])
    """) == ["done"]


def test_a_client_that_leaves_ends_its_call_and_no_other():
    gone, stayed, reset, took = told("""
    import struct
    def pair():
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        listener.close()
        return client, server
    (left, one), (stays, two), (broken, three) = pair(), pair(), pair()
    broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gevent.spawn_later(0.2, left.close)
    gevent.spawn_later(0.2, broken.close)
    results = run((waits(), one), (waits(3), two), (waits(), three))
    for result in results:
        tell(result[0])
    tell(results[0][1])
    for sock in (one, two, three, stays):
        sock.close()
    """)
    assert (gone, stayed, reset) == ("ClientGone", "done", "ClientGone")
    assert took < 2


def test_a_client_is_gone_once():
    """Who takes long to close its books is not thrown out of that."""
    assert told("""
    client, server = socket.socketpair()
    client.close()
    def work():
        try:
            gevent.sleep(5)
        except watch.ClientGone:
            gevent.sleep(2.5)
    tell(run((work, server))[0][0])
    server.close()
    """) == ["done"]


def test_nothing_reaches_a_greenlet_whose_call_is_over():
    """The next call of a connection is served by the same greenlet."""
    assert (
        told("""
    def served():
        results = []
        for number in range(20):
            work = lambda: gevent.sleep(0.05)
            results.append(call(work, None, 0.05)[0])
            gevent.sleep(0.051)
        return results
    serving = [gevent.spawn(served) for _ in range(20)]
    gevent.joinall(serving)
    tell([one.exception is None for one in serving])
    tell(sorted({result for one in serving for result in one.value}))
    tell(watch.running())
    """)[0]
        == [True] * 20
    )


def test_a_stop_reaches_every_running_call():
    results = told("""
    gevent.spawn_later(0.2, watch.interrupt_all)
    for result in run((waits(),), (waits(),)):
        tell(result[0])
    tell(watch.running())
    """)
    assert results == ["Stopping", "Stopping", 0]


def test_what_was_thrown_is_remembered():
    assert told("""
    def work():
        watched = watch.current()
        tell(watched.thrown is None)
        try:
            gevent.sleep(5)
        except Late as error:
            tell(watched.thrown is error)
    run((work, None, 0.1))
    """) == [True, True]


def test_an_unforeseen_failure_ends_no_other_clock():
    """Whether one call's deadline is odd or looking at the clients fails."""
    *results, logged = told("""
    import logging
    records = []
    log = logging.Handler()
    log.emit = records.append
    logging.getLogger("proxy.watch").addHandler(log)
    logging.getLogger("proxy.watch").propagate = False
    watch.CLIENTS_EVERY, watch._look_at_clients = 0.0, lambda: 1 / 0
    def odd():
        watch.current().deadline = "soon"
        gevent.sleep(0.5)
    for result in run((odd,), (waits(), None, 0.2)):
        tell(result[0])
    tell(run((waits(), None, 0.3))[0][0])
    tell(sorted({record.exc_info[0].__name__ for record in records}))
    """)
    assert results == ["done", "Late", "Late"]
    assert logged == ["TypeError", "ZeroDivisionError"]


def test_how_long_the_loop_was_held_is_known():
    (worst,) = told("""
    import gevent.monkey
    sleep = gevent.monkey.get_original("time", "sleep")
    def work():
        gevent.sleep(0.2)
        sleep(0.4)
        gevent.sleep(0.2)
    run((work,))
    tell(watch.worst_tick)
    """)
    assert 0.3 < worst < 2


def test_the_watch_sleeps_when_there_is_nothing_to_watch_and_wakes_again():
    first, idle, second = told("""
    tell(run((waits(), None, 0.1))[0][0])
    gevent.sleep(0.2)
    begun = time.process_time()
    gevent.sleep(1)
    tell(time.process_time() - begun)
    tell(run((waits(), None, 0.1))[0][0])
    """)
    assert (first, second) == ("Late", "Late")
    assert idle < 0.05


def test_a_clock_of_the_door_ends_a_call_that_waits_for_a_provider():
    outcome, took, again = told("""
    import django; django.setup()
    from providers.errors import TimedOut
    from providers.types import WireRequest
    from proxy import upstream
    deaf = socket.create_server(("127.0.0.1", 0))
    wire = WireRequest("POST", f"http://127.0.0.1:{deaf.getsockname()[1]}/", {}, b"")
    def work():
        upstream.send(wire, named_by_client=False, patience=0.2)
    for value in run((work,))[0]:
        tell(value)
    def twice():
        try:
            work()
        except TimedOut:
            gevent.sleep(0.4)
    tell(run((twice,))[0][0])
    """)
    assert (outcome, again) == ("TimedOut", "done")
    assert took < 1


def test_a_stream_interrupted_by_its_clock_loses_nothing_of_what_came():
    assert told("""
    import django; django.setup()
    from django.conf import settings
    from providers.errors import TimedOut
    from providers.types import WireRequest
    from proxy import upstream
    settings.BETWEEN_EVENTS_SECONDS = 0.2
    listener = socket.create_server(("127.0.0.1", 0))
    def serve():
        sock, _ = listener.accept()
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 6\\r\\n\\r\\none")
        gevent.sleep(0.6)
        sock.sendall(b"two")
        sock.close()
    gevent.spawn(serve)
    wire = WireRequest("POST", f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, b"")
    def work():
        reply = upstream.send(wire, named_by_client=False)
        tell(next(reply.body).decode())
        try:
            next(reply.body)
        except TimedOut as error:
            tell("sent nothing" in error.message)
        tell(next(reply.body).decode())
    run((work,))
    """) == ["one", True, "two"]


def test_without_gevent_only_the_books_are_kept():
    assert not watch.watches()
    watched = watch.begin({})
    watched.until(time.monotonic() - 1, ValueError())
    assert watch.current() is watched
    watched.end()
    watched.end()
    assert (watch.current(), watch.running()) == (None, 0)


def test_a_call_that_begins_before_the_last_one_ended_is_not_ended_by_it():
    first, second = watch.begin({}), watch.begin({})
    first.end()
    assert watch.current() is second
    second.end()

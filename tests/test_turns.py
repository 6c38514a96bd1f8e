"""Work that never waits lets the others have their turns."""

from proxy import turns
from tests import greenlets


def test_a_turn_is_given_when_it_is_due_and_not_before(monkeypatch):
    now, given = [0.0], []
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(turns, "give", lambda: given.append(now[0]))
    turn = turns.Turn()
    for now[0] in (0.004, 0.006, 0.008, 0.0115):
        turn.offer()
    turn.taken()
    now[0] = 0.016
    turn.offer()
    assert given == [0.006, 0.0115]


def test_a_turn_reaches_sockets_and_timers():
    assert greenlets.told("""
import socket
from proxy import turns
seen = []
ours, theirs = socket.socketpair()
gevent.spawn(lambda: seen.append(ours.recv(1).decode()))
gevent.spawn_later(0.001, lambda: seen.append("timer"))
gevent.sleep(0)
theirs.send(b"x")
until = time.monotonic() + 0.05
while time.monotonic() < until:
    turns.give()
tell(sorted(seen))
ours.close(), theirs.close()
""") == [["timer", "x"]]

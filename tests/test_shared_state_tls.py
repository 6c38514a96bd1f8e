"""Redis by TLS: the way to it is taken only where its certificate is vouched for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_state.link import Link
from tests.canned import Canned, Line, certificate


def pongs(line: Line) -> None:
    """Enough of a Redis to be asked whether it is there."""
    while received := line.sock.recv(4096):
        line.server.asked.append(received)
        line.say(b"+PONG\r\n" if b"PING" in received else b"+OK\r\n")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Canned, Path]]:
    vouched, context = certificate(tmp_path)
    server = Canned(pongs, context)
    yield server, vouched
    server.close()


def test_a_certificate_of_ones_own_is_named_in_the_url(served: tuple[Canned, Path]) -> None:
    server, vouched = served
    assert Link(f"rediss://:pass@localhost:{server.port}/0?ssl_ca_certs={vouched}").state() == "there"
    assert any(b"AUTH" in asked for asked in server.asked)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_to_whom_nobody_vouches_for_no_password_is_told(host: str, served: tuple[Canned, Path]) -> None:
    server, vouched = served
    wrong_name = f"?ssl_ca_certs={vouched}" if host == "127.0.0.1" else ""  # it is made for localhost
    assert Link(f"rediss://:pass@{host}:{server.port}/0{wrong_name}").state() == "away"
    assert server.asked == []

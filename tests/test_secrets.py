"""No page, log line, journal, body or reply shows a secret.

A corpus of calls is made, among them calls to a provider that repeats every header it was sent; then all that
came back and all that was kept is searched for the stored credentials and the keys that were presented.
"""

import html
import json
import re
import sqlite3
import urllib.parse
import zlib

import psycopg
import pytest
import requests

from tests.own_provider import DONE, OPENING, chunk, data, saying, whole
from tests.prepare import ADMIN, PASSWORD
from tests.servers import OWN_SECRET, SANDBOX_KEY, new_trace, question

pytestmark = pytest.mark.server

CLIENTS_OWN = "sk-client-canary-71c2e0b49f"
WRONG_KEY = "gh-" + "wrongcanary" * 3 + "x" * 10
NEARLY = "pk-nearly-canary-55aa01"


def headers_of(exchange):
    return "; ".join(f"{name}: {value}" for name, value in exchange.headers.items())


def an_error(exchange):
    exchange.reply(401, json.dumps({"error": {"message": headers_of(exchange), "type": "t", "code": "c"}}))


def a_page(exchange):
    exchange.reply(500, f"<html>{headers_of(exchange)}</html>", "text/html")


def a_text_called_json(exchange):
    exchange.reply(400, headers_of(exchange))


def an_answer(exchange):
    exchange.reply(200, whole(headers_of(exchange)))


def a_stream(exchange):
    saying(OPENING, chunk(headers_of(exchange)), chunk(finish="stop"), DONE, end=lambda _: None)(exchange)


def a_stream_with_an_error(exchange):
    error = data({"error": {"message": headers_of(exchange), "type": "t"}})
    saying(OPENING, chunk("Hel"), error, end=lambda _: None)(exchange)


def a_header(exchange):
    body = whole("Hi")
    exchange.send(f"HTTP/1.1 200 OK\r\nx-echo: {headers_of(exchange)}\r\nset-cookie: a={OWN_SECRET}\r\n")
    exchange.send(f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}")


def a_redirect(exchange):
    exchange.send(
        f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/{OWN_SECRET}\r\ncontent-length: 0\r\n\r\n"
    )


ECHOES = [
    an_error,
    a_page,
    a_text_called_json,
    an_answer,
    a_stream,
    a_stream_with_an_error,
    a_header,
    a_redirect,
]


@pytest.fixture(scope="module")
def talked(yard, kind):
    """A server after the corpus, and every reply it gave, by what was asked."""
    with yard.started(kind, TRUSTED_CUSTOM_HOSTS="127.0.0.1") as gatehouse:
        yield gatehouse, dict(corpus(gatehouse, yard.provider))


def corpus(gatehouse, own):
    for virtual_key in ("openai-own", "anthropic-own"):
        for echo in ECHOES:
            for stream in (False, True):
                asked = question(stream=stream) | {"model": own.learn(echo)}
                yield (virtual_key, echo.__name__, stream), gatehouse.ask(asked, virtual_key=virtual_key)
                assert own.times_asked(asked["model"]) == 1
    yield from clients_own(gatehouse, own)
    for key in (WRONG_KEY, NEARLY, CLIENTS_OWN):
        bearer = {"authorization": f"Bearer {key}"}
        yield ("refused", key), gatehouse.chat(key=key)
        yield ("refused", "bearer", key), gatehouse.ask(question(), key="", headers=bearer)
        management = gatehouse.ask(question(), path="/v1/logs", key="", headers={"x-api-key": key})
        yield ("refused", "management", key), management
    for text in ("Hello", "[[status 401]]", "[[status 500]]", "[[garbage]]", "[[cut 0]]"):
        for virtual_key in ("openai-sandbox", "anthropic-sandbox"):
            yield (virtual_key, text), gatehouse.chat(text, virtual_key=virtual_key)
    yield "broken JSON", gatehouse.ask(b"{", virtual_key="openai-own")
    yield "unknown virtual key", gatehouse.chat(virtual_key="nobodys")


def clients_own(gatehouse, own):
    """The client's own credential, to a host it named."""
    named = {"authorization": f"Bearer {CLIENTS_OWN}", "x-portkey-custom-host": f"{own.url}/v1"}
    for echo in (an_error, an_answer, a_header):
        model = own.learn(echo)
        headers = named | {"x-portkey-provider": "openai"}
        yield ("client's own", echo.__name__), gatehouse.ask(question() | {"model": model}, headers=headers)
        assert own.asked(model).headers["authorization"] == f"Bearer {CLIENTS_OWN}"


def secrets(gatehouse):
    """What must not be found, by what it is."""
    return {
        "the stored credential": OWN_SECRET,
        "the sandbox's credential": SANDBOX_KEY,
        "the API key": gatehouse.api_key,
        "an unknown key": WRONG_KEY,
        "what is no key of ours": NEARLY,
        "the client's own credential": CLIENTS_OWN,
    }


def found(gatehouse, text, *but):
    """The kinds of secrets in `text`, in any of the forms in which a page or a body may hold one."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    readings = [plain, html.unescape(plain), urllib.parse.unquote(plain)]
    return [
        what
        for what, secret in secrets(gatehouse).items()
        if what not in but and any(secret in reading for reading in readings)
    ]


def test_the_provider_was_sent_its_credential_and_no_key_of_ours(talked, own):
    gatehouse, _ = talked
    sent = [exchange for exchange in own.exchanges if OWN_SECRET in headers_of(exchange)]
    assert len(sent) >= 2 * len(ECHOES)
    for exchange in own.exchanges:
        assert gatehouse.api_key not in headers_of(exchange) + exchange.body.decode() + exchange.path


def test_no_reply_shows_a_secret(talked):
    gatehouse, replies = talked
    shown = {
        asked: found(gatehouse, f"{reply.headers}".encode() + reply.body) for asked, reply in replies.items()
    }
    assert {asked: what for asked, what in shown.items() if what} == {}


def test_nothing_on_the_disk_shows_a_secret(talked):
    gatehouse, _ = talked
    settle(gatehouse)
    files = [path for path in [*gatehouse.data.rglob("*"), gatehouse.log] if path.is_file()]
    assert any(path.suffix == ".journal" for path in files)
    shown = {str(path): found(gatehouse, path.read_bytes()) for path in files}
    assert {path: what for path, what in shown.items() if what} == {}


def test_nothing_in_a_database_shows_a_secret(talked):
    gatehouse, replies = talked
    settle(gatehouse)
    for table, rows in tables(gatehouse).items():
        assert found(gatehouse, "\n".join(map(str, rows))) == [], table
    bodies = gatehouse.query("SELECT kind, content FROM logs_logbody")
    assert len(bodies) > len(replies)
    for body in bodies:
        content = zlib.decompress(bytes(body["content"]))
        assert found(gatehouse, content) == [], (body["kind"], content)


def settle(gatehouse):
    """Wait until the log has taken in all there is."""
    last = new_trace()
    gatehouse.chat(headers={"x-portkey-trace-id": last})
    gatehouse.row(last)


def tables(gatehouse):
    """Every table of both databases, row by row."""
    if gatehouse.database_url:
        with psycopg.connect(gatehouse.database_url) as connection:
            named = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in named}
    kept = {}
    for file in ("gatehouse.sqlite3", "logs.sqlite3"):
        connection = sqlite3.connect(f"file:{gatehouse.data / file}?mode=ro", uri=True)
        named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        kept |= {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in named}
        connection.close()
    return kept


@pytest.fixture(scope="module")
def pages(talked):
    """The admin's pages by their paths, each with its status and its text."""
    gatehouse, _ = talked
    settle(gatehouse)
    return dict(crawl(gatehouse))


def test_no_page_of_the_admin_fails_or_shows_a_secret(talked, pages):
    gatehouse, _ = talked
    assert len(pages) > 20
    assert {path: status for path, (status, _) in pages.items() if status >= 400} == {}
    assert {path: found(gatehouse, text) for path, (_, text) in pages.items() if found(gatehouse, text)} == {}


def crawl(gatehouse, most=150):
    """Every page of the admin that a link leads to, as (path, (status, text)); no link that only sorts."""
    with requests.Session() as session:
        session.trust_env = False
        log_in(session, gatehouse)
        seen, waiting = set(), ["/admin/"]
        while waiting and len(seen) < most:
            path = waiting.pop(0)
            if path in seen or not fit(path):
                continue
            seen.add(path)
            answer = session.get(gatehouse.url + path, timeout=30)
            yield path, (answer.status_code, answer.text)
            links = re.findall(r'href="([^"#]+)"', answer.text)
            waiting += [urllib.parse.urljoin(path, html.unescape(link)) for link in links]


def log_in(session, gatehouse):
    address = f"{gatehouse.url}/admin/login/?next=/admin/"
    session.get(address, timeout=30)
    token = next(value for name, value in session.cookies.items() if "csrf" in name)
    form = {"username": ADMIN, "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = session.post(address, form, headers={"referer": address}, timeout=30)
    assert answer.url.endswith("/admin/"), answer.text[:500]


def fit(path):
    return path.startswith("/admin/") and "logout" not in path and not re.search(r"[?&](o|all)=", path)


def test_every_page_of_the_admin_is_closed_to_strangers(talked, pages):
    gatehouse, _ = talked
    for path in pages:
        if path.startswith(("/admin/login/", "/admin/jsi18n/")):
            continue
        answer = requests.get(gatehouse.url + path, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, path
        assert answer.headers["location"].startswith("/admin/login/"), path

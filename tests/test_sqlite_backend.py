"""SQLite kept off the event loop: in a process that gevent has patched, nothing but the caller waits."""

import contextlib
import sqlite3

import pytest

from tests import greenlets

SET_UP = """
import django
from django.conf import settings
options = {"transaction_mode": "IMMEDIATE", "timeout": float(sys.argv[2]),
           "init_command": "PRAGMA journal_mode=WAL"}
database = {"ENGINE": "gateway_site.sqlite", "NAME": sys.argv[1], "OPTIONS": options}
settings.configure(DATABASES={"default": database})
django.setup()
from django.db import OperationalError, connection, transaction

def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else None

worst = 0.0
def ticks():
    global worst
    while True:
        due = time.monotonic() + 0.01
        time.sleep(0.01)
        worst = max(worst, time.monotonic() - due)
"""


def plain(code):
    """Without the indentation it has within a test."""
    return code.replace("\n    ", "\n")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "t.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("INSERT INTO t VALUES (0)")
        connection.commit()
    return path


@contextlib.contextmanager
def locked(file):
    """Another process holds the write lock."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_the_loop_turns_while_the_database_is_locked(file):
    code = """
    sql("SELECT n FROM t")
    gevent.spawn(ticks)
    gevent.sleep(0.1)
    worst = 0.0
    begun = time.monotonic()
    waiting = [gevent.spawn(sql, "UPDATE t SET n = n + 1") for _ in range(5)]
    gevent.sleep(0.3)
    tell("waiting")
    gevent.joinall(waiting, raise_error=True)
    tell([worst, time.monotonic() - begun])
    tell(sql("SELECT n FROM t"))
    """
    with greenlets.started(SET_UP + plain(code), file, 20) as process:
        with locked(file):
            assert process.stdout.readline() == '"waiting"\n'
        (worst, took), rows = greenlets.heard(process)
    assert took > 0.3
    assert worst < 0.15
    assert rows == [[5]]


def test_who_waits_for_the_lock_leaves_a_thread_to_who_holds_it(file):
    """More writers than threads: the commit that all of them wait for must get through."""
    code = """
    def add():
        with transaction.atomic():
            (n,), = sql("SELECT n FROM t")
            gevent.sleep(0.002)
            sql("UPDATE t SET n = %s", n + 1)
        connection.close()
    adding = [gevent.spawn(add) for _ in range(60)]
    gevent.joinall(adding, raise_error=True)
    tell(sql("SELECT n FROM t"))
    """
    assert greenlets.told(SET_UP + plain(code), file, 20) == [[[60]]]


def test_a_locked_database_is_djangos_error_when_the_time_is_up(file):
    code = """
    try:
        sql("UPDATE t SET n = 1")
    except OperationalError as error:
        tell(str(error))
    tell(sql("SELECT n FROM t"))
    """
    with locked(file):
        assert greenlets.told(SET_UP + plain(code), file, 0.2) == [
            "database is locked",
            [[0]],
        ]


def test_who_is_thrown_out_while_waiting_leaves_the_connection_usable(file):
    code = """
    def write():
        sql("SELECT n FROM t")
        begun = time.monotonic()
        try:
            with gevent.Timeout(0.1):
                sql("UPDATE t SET n = 7")
        except gevent.Timeout:
            tell(time.monotonic() - begun > 0.3)
        tell(sql("SELECT n FROM t"))
        sys.stdin.readline()
        with transaction.atomic():
            sql("UPDATE t SET n = n + 1")
        tell(sql("SELECT n FROM t"))
    gevent.spawn(write).get()
    """
    with greenlets.started(SET_UP + plain(code), file, 0.5) as process:
        with locked(file):
            assert [process.stdout.readline() for _ in range(2)] == ["true\n", "[[0]]\n"]
        assert greenlets.heard(process) == [[[1]]]


def test_a_statement_that_fails_prints_nothing_of_what_it_was_given(file):
    code = """
    try:
        sql("INSERT INTO nowhere VALUES (%s)", "canary")
    except OperationalError as error:
        tell(str(error))
    """
    with greenlets.started(SET_UP + plain(code), file, 5) as process:
        assert process.communicate(timeout=60) == ('"no such table: nowhere"\n', "")


def test_everything_django_asks_of_a_cursor_works(file):
    code = """
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s)", [[n] for n in range(1, 251)])
        cursor.execute("SELECT n FROM t ORDER BY n")
        tell([cursor.fetchone(), cursor.fetchmany(2), cursor.fetchmany()])
        tell(sum(n for n, in cursor))
        cursor.execute("SELECT %(a)s, REPEAT('x', 3)", {"a": "b"})
        tell(cursor.fetchall())
    try:
        with transaction.atomic():
            sql("DELETE FROM t")
            with transaction.atomic():
                sql("INSERT INTO t VALUES (5)")
            raise ValueError
    except ValueError:
        tell(sql("SELECT count(*) FROM t"))
    connection.close()
    tell(connection.introspection.table_names())
    """
    expected = [[[0], [[1], [2]], [[3]]], sum(range(4, 251)), [["b", "xxx"]], [[251]], ["t"]]
    assert greenlets.told(SET_UP + plain(code), file, 5) == expected


def test_each_greenlet_has_a_connection_of_its_own(file):
    code = """
    def read():
        sql("SELECT 1")
        return id(connection.connection)
    reading = [gevent.spawn(read) for _ in range(5)]
    gevent.joinall(reading, raise_error=True)
    tell(len({one.value for one in reading}))
    """
    assert greenlets.told(SET_UP + plain(code), file, 5) == [5]

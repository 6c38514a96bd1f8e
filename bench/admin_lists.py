"""How quick the admin is with many keys: each list, filter, search, form and bulk action, timed.

    python -m bench.admin_lists                       100,000 keys of each kind, on SQLite
    python -m bench.admin_lists --rows 10000          fewer
    python -m bench.admin_lists --database postgres://…/empty
    python -m bench.admin_lists --only apikey         pages whose name has this in it
    python -m bench.admin_lists --folder kept         with the rows that are there from the last time

In one process, under gevent as in a worker, through Django's test client: what a page costs, without the
network. The least of some rounds counts, since other work on the machine only ever adds; beside it stands for
how long the worker did nothing else at a stretch. Everything is kept in a directory that is removed at the
end, unless one is given; a PostgreSQL database is filled if it is empty, and left so. Of logs there are none:
those have a benchmark of their own.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - the sockets of what follows are gevent's
import gc  # noqa: E402
import os  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

import gevent  # noqa: E402

from bench.contestants import gatehouse_settings  # noqa: E402

if TYPE_CHECKING:
    from django.test import Client

ROWS = 100_000
ROUNDS = 5
BAR = 300  # ms
TICK = 0.001  # s
CHOICES = 4  # of each filter
IN = ("in:default", "in:space-00017")  # many keys, and few
SEARCHED = {
    "workspace": ("Space 00017", "space-00017", "space", "nothing"),
    "apikey": ("App 000017", "gh*****017", "app", "nothing", *IN, "app 0001 in:default"),
    "integration": ("Lent 000017", "lent-000017", "lent", "nothing", *IN, "lent 0001 in:default"),
    "virtualkey": ("key-000017", "Key 000017", "key", "nothing", *IN, "key 0001 in:default"),
    "auditevent": ("person-17", "person", "App 000017", "app", "nothing"),
    "user": ("person-17", "person", "nothing"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the admin: how it is named, and what is asked for it. With `sent` it is posted to."""

    name: str
    url: str
    sent: dict[str, Any] | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Told:
    """Milliseconds for a page, how many of them this process worked, and for how long of them the worker was
    held at a stretch; each the least."""

    page: Page
    took: float
    worked: float
    held: float


def main() -> None:
    wanted = options()
    with tempfile.TemporaryDirectory(prefix="gatehouse-admin-") as name:
        folder = Path(wanted.folder or name).resolve()
        folder.mkdir(mode=0o700, exist_ok=True)
        settings = gatehouse_settings(folder, port=8000)
        if wanted.database != "sqlite":
            settings |= {"DATABASE_URL": wanted.database, "LOG_DATABASE_URL": wanted.database}
        os.environ.clear()
        os.environ.update(settings)
        client = prepared(wanted.rows)
        print_table(
            measured(client, page, wanted.rounds)
            for page in pages()
            if wanted.only is None or wanted.only in page.name
        )


def options() -> argparse.Namespace:
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m bench.admin_lists", description=about)
    parser.add_argument("--rows", type=int, default=ROWS, help="keys of each kind")
    parser.add_argument("--database", default="sqlite", help="sqlite, or the URL of an empty PostgreSQL one")
    parser.add_argument("--folder", help="where SQLite's file is kept for the next time")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", help="pages whose name has this in it")
    return parser.parse_args()


def prepared(rows: int) -> "Client":
    """Somebody signed in to the admin of an installation with so many keys."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.settings"
    import django
    from django.core.management import call_command

    django.setup()
    for alias in ("default", "logs"):
        call_command("migrate", database=alias, verbosity=0)
    from django.contrib.auth.models import User
    from django.test import Client

    from bench import admin_rows

    if not User.objects.exists():
        admin_rows.fill(rows)
        User.objects.create(username="root", is_staff=True, is_superuser=True)
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(User.objects.get(username="root"))
    return client


def pages() -> Iterator[Page]:
    """Every list with its filters and orders, its searches, and the pages of one of its rows."""
    from django.contrib.admin import site

    yield Page("index", "/admin/")
    for model, rows in site._registry.items():
        name = str(model._meta.model_name)
        if router_of(model) == "default":
            yield from listed(name, f"/admin/{model._meta.app_label}/{name}/", rows)
    yield from chosen()


def router_of(model: Any) -> str:
    from django.db import router

    return str(router.db_for_read(model))


def listed(name: str, url: str, rows: Any) -> Iterator[Page]:
    shown = rows.get_changelist_instance(asking(url))
    yield Page(f"{name}: list", url)
    for number in sorted({2, shown.paginator.num_pages}):
        yield Page(f"{name}: page {number}", f"{url}?p={number}")
    yield from filtered(name, url, shown)
    yield from ordered(name, url, shown)
    for term in SEARCHED.get(name, ()):
        yield Page(f"{name}: search {term}", f"{url}?q={term}")
    yield from of_one(name, url, rows, shown)


def asking(url: str) -> Any:
    """A request of somebody who may do everything."""
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    request = RequestFactory().get(url)
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    return request


def filtered(name: str, url: str, shown: Any) -> Iterator[Page]:
    for each in shown.filter_specs:
        for choice in list(each.choices(shown))[:CHOICES]:
            yield Page(f"{name}: {each.title} {choice['display']}", url + choice["query_string"])


def ordered(name: str, url: str, shown: Any) -> Iterator[Page]:
    for place, column in enumerate(shown.list_display):
        if shown.sortable_by is None or column in shown.sortable_by:
            yield Page(f"{name}: by {column}", f"{url}?o={place}")
            yield Page(f"{name}: by {column}, backwards", f"{url}?o=-{place}")


def of_one(name: str, url: str, rows: Any, shown: Any) -> Iterator[Page]:
    from bench import admin_rows

    if (one := admin_rows.one_of(rows.model)) is None:
        return
    forms = ["history", "change"]
    if rows.has_add_permission(asking(url)):
        yield Page(f"{name}: add", f"{url}add/")
        forms.append("delete")
    yield from (Page(f"{name}: {form}", f"{url}{one.pk}/{form}/") for form in forms)
    chosen = [str(row.pk) for row in shown.result_list]
    for action in (
        () if rows.actions is None else ("delete_selected", *(each.__name__ for each in rows.actions))
    ):
        yield Page(f"{name}: {action} of {len(chosen)}", url, {"action": action, "_selected_action": chosen})


def chosen() -> Iterator[Page]:
    """Choices of a form that are searched for."""
    fields = {"apikey": ("workspace", "user"), "virtualkey": ("workspace", "integration")}
    fields |= {"integration": ("workspace", "lent_to")}
    for name, each in fields.items():
        for column in each:
            asked = f"app_label=keys&model_name={name}&field_name={column}"
            for term in ("", "space 0001", "nothing", "a"):
                yield Page(f"{name}: choose {column} {term}", f"/admin/autocomplete/?{asked}&term={term}")


def measured(client: "Client", page: Page, rounds: int) -> Told:
    """The least of so many rounds. Raises unless the page is answered as it should be."""
    found = [once(client, page) for _ in range(rounds)]
    return Told(page, *(min(each) for each in zip(*found, strict=True)))


def once(client: "Client", page: Page) -> tuple[float, float, float]:
    gc.collect()
    with ticking() as late:
        began, worked = time.perf_counter(), time.process_time()
        answer = client.get(page.url) if page.sent is None else client.post(page.url, page.sent)
        took, worked = time.perf_counter() - began, time.process_time() - worked
        gevent.sleep(2 * TICK)  # what is late is told
    if answer.status_code not in (200, 302):
        raise RuntimeError(f"{page.name} was answered with {answer.status_code}: {answer.content[:500]!r}")
    return took * 1000, worked * 1000, max(late) * 1000


@contextmanager
def ticking() -> Iterator[list[float]]:
    """By how much a greenlet was late, each time it wanted its turn."""
    late = [0.0]

    def tick() -> None:
        while True:
            began = time.perf_counter()
            gevent.sleep(TICK)
            late.append(time.perf_counter() - began - TICK)

    ticker = gevent.spawn(tick)
    gevent.sleep(0)
    yield late
    ticker.kill()


def print_table(found: Iterable[Told]) -> None:
    print("| page | ms | CPU ms | held ms | |")
    print("|---|---:|---:|---:|---|")
    for told in found:
        verdict = "" if told.took <= BAR else "**missed**"
        times = f"{told.took:.0f} | {told.worked:.0f} | {told.held:.0f}"
        print(f"| {told.page.name} | {times} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()

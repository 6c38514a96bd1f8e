"""Every page of the admin, taken from its addresses, so that a new one is held to this on its first day.

Strangers, API keys and staff without permissions see nothing; who may look changes nothing; nobody ever reads
a secret. A page whose address has a place that nothing here can fill fails `test_every_page_is_looked_at`.
"""

import html
import json
import re
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.admin import ModelAdmin, site
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from cache.models import SemanticCache
from configs.creation import change_config, create_config
from configs.models import Config
from gateway_site.models import Tries
from keys.changes import changing
from keys.creation import create_api_key, create_virtual_key, rotate_api_key
from keys.models import ApiKey, Change, Installation, Workspace
from keys.scopes import SCOPES
from logs import set_aside
from logs.ids import new_id
from logs.models import LogBody, RequestLog
from prices.models import PriceOverride
from tests.test_keys_admin import filled

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

SEEN = "seen-canary"  # in the name of every object
SECRET, BEFORE, TYPED = "sk-canary-of-today-1b7f", "sk-canary-of-before-99d2", "sk-canary-as-typed-4c0e"
PASSWORD = "pbkdf2_sha256$1$canaryofsalt$canaryofthehash4711"
PLACE = re.compile(r"<(?:\w+:)?(\w+)>")
OF_A_ROW = re.compile(r"admin/(\w+)/(\w+)/.*<")
ROW = {"object_id", "pk", "id"}

LOGIN = "/admin/login/"
# Pages that are one's own, whatever one may do.
OWN = {
    LOGIN,
    *(f"/admin/{name}/" for name in ("logout", "password_change", "password_change/done", "search")),
}
OWN |= {"/admin/", "/admin/jsi18n/"}


@dataclass(frozen=True, slots=True)
class World:
    """An object of each kind by its model's label, and what no page may hold."""

    rows: dict[str, Model]
    hidden: dict[str, str]
    tokens: tuple[str, ...]
    aside: str  # a call that the database refused


@dataclass(frozen=True, slots=True)
class Page:
    """A page by its address; `name` is that of its pattern."""

    url: str
    name: str


# The addresses.


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    for each in patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, route)
        else:
            yield route, each.name or ""


ROUTES = [(route, name) for route, name in routes(get_resolver().url_patterns) if route.startswith("admin/")]


def rows_of_apps(world: World) -> list[str]:
    return [f"admin/{label}/" for label in sorted({model._meta.app_label for model in site._registry})]


def trials_of_keys(world: World) -> list[str]:
    kinds = {"virtualkey": "keys.VirtualKey", "integration": "keys.Integration"}
    return [f"admin/keys/{kind}/{world.rows[label].pk}/test/" for kind, label in kinds.items()]


FILLED: dict[str, Callable[[World], list[str]]] = {
    "admin/keys/<str:kind>/<uuid:pk>/test/": trials_of_keys,
    "admin/r/<path:content_type_id>/<path:object_id>/": lambda world: [
        f"admin/r/{ContentType.objects.get_for_model(row).pk}/{row.pk}/" for row in world.rows.values()
    ],
    "admin/logs/requestlog/journal/<str:call>/": lambda world: [
        f"admin/logs/requestlog/journal/{world.aside}/"
    ],
    "admin/(?P<url>.*)$": lambda world: ["admin/no/such/page/"],
}


def filled_in(route: str, world: World) -> list[str]:
    """The addresses that a route stands for. Raises LookupError for a place that is not known."""
    if "(?P<app_label>" in route:
        return rows_of_apps(world)
    if route in FILLED:
        return FILLED[route](world)
    places = set(PLACE.findall(route))
    if not places:
        return [route]
    of = OF_A_ROW.match(route)
    if of is None or not places <= ROW:
        raise LookupError(route)
    rows = [row for row in world.rows.values() if row._meta.label_lower == f"{of[1]}.{of[2]}"]
    return [PLACE.sub(str(row.pk), route) for row in rows]


def pages(world: World) -> list[Page]:
    return [Page(f"/{url}", name) for route, name in ROUTES for url in filled_in(route, world)]


# What there is to see.


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> World:
    """One object of each kind, and beside it a token of each sort."""
    settings.DATA_DIR = tmp_path
    installation = Installation.objects.current()
    workspace = Workspace.objects.create(name=SEEN, slug=SEEN)
    user = User.objects.create(username=SEEN, password=PASSWORD, is_staff=True)
    key, token = create_api_key(workspace, SEEN, sorted(SCOPES))
    newer = rotate_api_key(key, timedelta(days=1))
    virtual_key = create_virtual_key(workspace, SEEN, provider="openai", slug=SEEN, secret=BEFORE)
    integration = virtual_key.integration
    with changing(integration):
        integration.hold(SECRET, timezone.now() + timedelta(days=1))
        integration.save()
    organisations, everywhere = organisations_key()
    rotated = AuditEvent.objects.filter(object_kind="integration", action="rotate")[0]
    price = PriceOverride.objects.create(provider="openai", model=SEEN, input=1, output=2)
    now = timezone.now()
    pause = Tries.objects.create(bucket="a-bucket", failures=9, last=now, until=now + timedelta(hours=1))
    rows: list[Model] = [
        installation,
        workspace,
        user,
        Group.objects.create(name=SEEN),
        key,
        virtual_key,
        integration,
    ]
    rows += [rotated, Change.objects.all()[0], a_call(), price, pause]
    rows.append(a_config(workspace))
    rows.append(SemanticCache.objects.create(workspace=workspace, virtual_key=virtual_key))
    key.refresh_from_db()
    hidden = {
        "the secret": SECRET,
        "the secret before": BEFORE,
        "the secret, sealed": integration.sealed_secret,
        "the secret before, sealed": integration.sealed_previous_secret,
        "the token": newer,
        "the token before": token,
        "the organisation's token": everywhere,
        "the digest": key.digest,
        "the digest before": str(key.previous_digest),
        "the organisation's digest": organisations.digest,
        "the canary of the credential keys": installation.canary,
        "the password's hash": PASSWORD.rpartition("$")[2],
        "the credential keys": settings.CREDENTIAL_KEYS[0],
        "the secret key": settings.SECRET_KEY,
        "the sandbox's secret": settings.SANDBOX_KEY,
    }
    assert all(hidden.values())
    set_aside.keep(
        tmp_path / "journal" / "refused", aside := str(new_id()), SEEN, {"opened": {"model": SEEN}}
    )
    return World({row._meta.label: row for row in rows}, hidden, (token, newer, everywhere), aside)


def organisations_key() -> tuple[ApiKey, str]:
    """A key for every workspace, with every scope."""
    key = ApiKey(name=SEEN, type="organisation-service", scopes=sorted(SCOPES))
    token = key.assign_token()
    with changing(key):
        key.save()
    return key, token


def a_config(workspace: Workspace) -> Config:
    """A config that has been changed, so that it has versions."""
    config = create_config(workspace, SEEN, json.dumps({"provider": f"@{SEEN}"}))
    targets = [{"provider": f"@{SEEN}", "weight": 1}, {"provider": "@b"}]
    return change_config(config, text=json.dumps({"strategy": {"mode": "loadbalance"}, "targets": targets}))


def a_call() -> RequestLog:
    log = RequestLog.objects.create(
        id=new_id(),
        created_at=timezone.now(),
        outcome="finished",
        status=200,
        workspace=SEEN,
        api_key=SEEN,
        virtual_key=SEEN,
        provider="openai",
        model=SEEN,
        trace_id=SEEN,
        metadata={"_user": SEEN},
    )
    LogBody.objects.create(log=log.id, kind="request", content=zlib.compress(b'{"model": "x"}'), size=14)
    return log


def staff(*permissions: Permission, **more: Any) -> Client:
    user = User.objects.create(username=f"staff-{uuid.uuid4()}", is_staff=True, **more)
    user.user_permissions.set(permissions)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def looking() -> Client:
    """Staff who may look at everything, and do nothing."""
    return staff(*Permission.objects.filter(codename__startswith="view_"))


@pytest.fixture
def root() -> Client:
    return staff(is_superuser=True)


def text(answer: Any) -> str:
    """What a page holds, streamed or not, also as somebody reads it who knows HTML."""
    whole: bytes = b"".join(answer.streaming_content) if answer.streaming else answer.content
    plain = whole.decode(errors="replace")
    return plain + html.unescape(plain) + str(answer.headers)


def found(world: World, answer: Any) -> list[str]:
    """The secrets that a page holds, by what they are."""
    shown = text(answer)
    return [what for what, secret in {**world.hidden, "as typed": TYPED}.items() if secret in shown]


def test_every_page_is_looked_at(world: World) -> None:
    """Fails by name for a model that has no object here, or an address that is not known how to fill."""
    assert {model._meta.label for model in site._registry} - world.rows.keys() == set()
    unknown = []
    for route, _ in ROUTES:
        try:
            assert filled_in(route, world)
        except LookupError:
            unknown.append(route)
    assert unknown == []
    assert len(pages(world)) > 5 * len(site._registry)


def test_strangers_are_shown_where_to_sign_in(world: World) -> None:
    client = Client()
    for page in pages(world):
        for ask in (client.get, client.post):
            answer = ask(page.url)
            assert is_shut(page, answer), page
            assert SEEN not in text(answer), page


def is_shut(page: Page, answer: Any) -> bool:
    """Whether all there is is the way to sign in."""
    if answer.status_code == 302:
        return answer.url.startswith(LOGIN) or page.name == "logout"
    return answer.status_code in (403, 404, 405) or page.url == LOGIN


def test_an_api_key_opens_no_page(world: World) -> None:
    for token in world.tokens:
        for named in ("x-portkey-api-key", "authorization"):
            client = Client(headers={named: f"Bearer {token}" if named == "authorization" else token})
            for page in pages(world):
                answer = client.get(page.url)
                assert is_shut(page, answer), page
                assert SEEN not in text(answer), page


def test_staff_without_permissions_see_nothing(world: World) -> None:
    client, before = staff(), tables()
    for page in pages(world):
        if page.name == "logout":
            continue
        for ask in (client.get, client.post):
            answer = ask(page.url, {"post": "yes", "s": SEEN[:4]})
            assert page.url in OWN or answer.status_code in (302, 403, 404, 405), page
            assert SEEN not in text(answer), page
    assert changed(before) == []


def tables() -> dict[str, list[Any]]:
    """Every row of every table but those of sessions."""
    kept = {}
    for alias in ("default", "logs"):
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names(cursor):
                cursor.execute(f'SELECT * FROM "{table}"')
                kept[f"{alias}.{table}"] = sorted(map(repr, cursor.fetchall()))
    del kept["default.django_session"]
    return kept


def changed(before: dict[str, list[Any]]) -> list[str]:
    return [table for table, rows in tables().items() if rows != before[table]]


def named(*kinds: str) -> set[str]:
    """The names of these pages of every model."""
    models = [f"{model._meta.app_label}_{model._meta.model_name}" for model in site._registry]
    return {f"{model}_{kind}" for model in models for kind in kinds}


def test_who_may_look_sees_every_list_and_every_object(world: World, looking: Client) -> None:
    for page in pages(world):
        answer = looking.get(page.url)
        assert answer.status_code < 500, page
        if page.name in named("changelist", "change", "history"):
            assert answer.status_code == 200, page
        assert found(world, answer) == [], page


def test_who_may_look_changes_nothing(world: World, looking: Client) -> None:
    before = tables()
    for page in pages(world):
        if page.url in OWN:
            continue
        for sent in posts(page, world):
            answer = looking.post(page.url, sent)
            assert answer.status_code == 403 or page.name not in named("add", "change", "delete"), page
            assert answer.status_code < 500, (page, sent)
            assert found(world, answer) == [], page
        assert changed(before) == [], page


def posts(page: Page, world: World) -> Iterator[dict[str, Any]]:
    """What could be sent to a page: its actions, or a form that wants to change something."""
    for model, rows in site._registry.items():
        if page.name == f"{model._meta.app_label}_{model._meta.model_name}_changelist":
            chosen = {"_selected_action": str(world.rows[model._meta.label].pk), "post": "yes"}
            for action in ("delete_selected", *(each.__name__ for each in rows.actions or ())):
                yield chosen | {"action": action}
            return
    yield {"post": "yes", "name": "x", "slug": "x", "transition": "24h", "password1": "x", "password2": "x"}
    yield {"_save": "Save", "username": "x", "active": "", "secret": TYPED}


# Secrets, and who may do everything.


def test_no_page_shows_a_secret(world: World, root: Client) -> None:
    for page in pages(world):
        answer = root.get(page.url)
        assert answer.status_code < 500, page
        assert found(world, answer) == [], page


def test_a_form_that_was_refused_does_not_repeat_the_secret(world: World, root: Client) -> None:
    """Every form is sent with secrets where secrets go, and nonsense where a name, a slug or a date goes."""
    seen = 0
    for page in pages(world):
        form = form_of(root.get(page.url)) if page.name in FORMS else None
        if form is None or not (sent := nonsense(form)):
            continue
        answer = root.post(page.url, sent if page.name in PASSWORDS else filled(root, page.url, **sent))
        again = form_of(answer)
        assert again is not None, page
        assert again.errors, page
        assert found(world, answer) == [], page
        seen += 1
    assert seen > 8


PASSWORDS = {"password_change", "auth_user_password_change"}
FORMS = {*named("add", "change"), *PASSWORDS}


def form_of(answer: Any) -> Any:
    """The form of a page, None if it has none."""
    if answer.status_code != 200:
        return None
    given = answer.context
    return given["adminform"].form if "adminform" in given else given.get("form")


def nonsense(form: Any) -> dict[str, str]:
    """Secrets where they go, no two alike, and nothing where something is needed."""
    sent = {}
    for name, each in form.fields.items():
        if isinstance(each.widget, forms.PasswordInput):
            sent[name] = f"{TYPED}-{name}"
        elif each.required and isinstance(each, forms.CharField):
            sent[name] = ""
    return sent


def test_choices_that_are_searched_for_hold_no_secret(world: World, root: Client) -> None:
    asked = 0
    for model, rows in site._registry.items():
        for name in rows.autocomplete_fields:
            names = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
            for term in ("", SEEN, SECRET[:6], world.hidden["the digest"][:8]):
                answer = root.get("/admin/autocomplete/", {**names, "field_name": name, "term": term})
                assert answer.status_code == 200
                assert found(world, answer) == []
                assert bool(answer.json()["results"]) == (term in ("", SEEN)), (model, name, term)
                asked += 1
    assert asked >= 20


GUESSED = re.compile(r"secret|digest|sealed|password|^token|canary")


def test_a_secret_cannot_be_guessed_letter_by_letter(world: World, looking: Client) -> None:
    """A list that took any column for a filter would tell how a digest begins."""
    guessed = 0
    for model in site._registry:
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for column in model._meta.get_fields():
            if GUESSED.search(column.name):
                for lookup in ("", "__startswith", "__gt", "__regex", "__isnull"):
                    answer = looking.get(url, {f"{column.name}{lookup}": "1"})
                    assert answer.status_code == 400, (model, column, lookup)
                    guessed += 1
    assert guessed > 20


def test_an_error_of_ours_tells_nothing(world: World, root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        secret = SECRET
        raise RuntimeError(secret)

    monkeypatch.setattr(ModelAdmin, "changelist_view", failing)
    answer = root.get("/admin/keys/integration/")
    assert answer.status_code == 500
    assert found(world, answer) == []


def test_a_form_without_its_token_is_not_repeated(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    answer = client.post("/admin/keys/integration/add/", {"name": "x", "secret": TYPED})
    assert answer.status_code == 403
    assert found(world, answer) == []


def test_a_token_is_shown_to_who_made_it_and_once(world: World, root: Client, looking: Client) -> None:
    key = world.rows["keys.ApiKey"]
    with changing(key):  # type: ignore[arg-type]
        ApiKey.objects.filter(pk=key.pk).update(previous_digest=None, previous_until=None)
    assert root.post(f"/admin/keys/apikey/{key.pk}/rotate/").status_code == 302
    page = f"/admin/keys/apikey/{key.pk}/token/"
    token = re.compile(r"gh-[\w-]{43}")
    assert not token.search(text(looking.get(page)))
    assert token.search(text(root.get(page)))
    assert not token.search(text(root.get(page)))

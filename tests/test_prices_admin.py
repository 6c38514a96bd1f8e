"""Prices in the admin: one that has begun is replaced and not edited, and every change leaves an event."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEvent
from prices.models import PriceOverride

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

BEGUN, COMING = datetime(2026, 3, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
ADD = "/admin/prices/priceoverride/add/"
NASTY = "<script>alert(1)</script>"


def client(*permissions: str) -> Client:
    """Signed in as staff with these permissions; with all of them if none is named."""
    user = User.objects.create(username="ada", is_staff=True, is_superuser=not permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin() -> Client:
    return client()


def override(**fields: Any) -> PriceOverride:
    usual = {"provider": "openai", "model": "own-model", "input": Decimal(2), "output": Decimal(8)}
    return PriceOverride.objects.create(**usual | {"starts_at": BEGUN, "made_by": "bob"} | fields)


def filled(row: PriceOverride | None = None, **fields: Any) -> dict[str, Any]:
    """The form of a row as the page shows it, with some of it changed."""
    row = row or PriceOverride(provider="openai", model="own-model", starts_at=BEGUN)
    told = {
        "provider": row.provider,
        "model": row.model,
        "note": row.note,
        **({"free": "on"} if row.free else {}),
    }
    for name in ("input", "output", "cache_read", "per_call"):
        value = getattr(row, name)
        told[name] = "" if value is None else str(value)
    for name in ("starts_at", "ends_at"):
        told |= moment(name, getattr(row, name))
    return told | fields


def moment(name: str, at: datetime | None) -> dict[str, str]:
    day, hour = (f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}") if at else ("", "")
    return {f"{name}_0": day, f"{name}_1": hour}


def place(row: PriceOverride, page: str = "change") -> str:
    return reverse(f"admin:prices_priceoverride_{page}", args=[row.pk])


def save(client: Client, url: str, data: dict[str, Any]) -> None:
    answer = client.post(url, data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors


def errors(client: Client, url: str, data: dict[str, Any]) -> dict[str, list[str]]:
    answer = client.post(url, data)
    assert answer.status_code == 200
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def events() -> list[tuple[str, str, dict[str, Any]]]:
    told = AuditEvent.objects.filter(object_kind="price_override").order_by("id")
    return [(event.action, event.object_id, event.changes) for event in told]


def test_a_price_is_made_and_the_audit_log_says_by_whom(admin: Client) -> None:
    save(admin, ADD, filled(input="0.15", output="0.6", note="the contract"))
    made = PriceOverride.objects.get()
    assert (made.input, made.output, made.starts_at, made.made_by) == (
        Decimal("0.15"),
        Decimal("0.6"),
        BEGUN,
        "ada",
    )
    ((action, told_id, changes),) = events()
    assert (action, told_id, changes["input"]) == ("create", str(made.pk), [None, "0.150000"])
    assert AuditEvent.objects.latest("id").actor == "ada"


def test_a_changed_price_ends_the_one_before_and_counts_from_now_on(admin: Client) -> None:
    before = override()
    save(admin, place(before), filled(before, input="3"))
    old, new = PriceOverride.objects.order_by("id")
    assert (old.input, old.starts_at, old.ends_at) == (2, BEGUN, new.starts_at)
    assert (new.input, new.output, new.ends_at, new.made_by) == (3, 8, None, "ada")
    assert timezone.now() - new.starts_at < timedelta(minutes=1)
    assert [(action, told) for action, told, _ in events()] == [
        ("update", str(old.pk)),
        ("create", str(new.pk)),
    ]


def test_a_changed_price_counts_from_the_time_that_is_given_with_it(admin: Client) -> None:
    before, earlier = override(), BEGUN + timedelta(days=10)
    save(admin, place(before), filled(before, input="3", **moment("starts_at", earlier)))
    old, new = PriceOverride.objects.order_by("id")
    assert (old.ends_at, new.starts_at) == (earlier, earlier)


def test_a_price_that_should_have_begun_earlier_is_replaced_whole(admin: Client) -> None:
    before, earlier = override(), BEGUN - timedelta(days=10)
    save(admin, place(before), filled(before, **moment("starts_at", earlier)))
    old, new = PriceOverride.objects.order_by("id")
    assert (old.starts_at, old.ends_at, old.status(timezone.now())) == (BEGUN, BEGUN, "replaced")
    assert new.starts_at == earlier


def test_a_price_that_is_over_is_replaced_for_all_of_its_time(admin: Client) -> None:
    before = override(ends_at=BEGUN + timedelta(days=9))
    save(admin, place(before), filled(before, output="9"))
    old, new = PriceOverride.objects.order_by("id")
    assert (old.status(timezone.now()), new.starts_at, new.ends_at) == ("replaced", BEGUN, before.ends_at)


def test_an_end_and_a_note_are_changed_in_place(admin: Client) -> None:
    row, end = override(), BEGUN + timedelta(days=30)
    save(admin, place(row), filled(row, note="the contract", **moment("ends_at", end)))
    changed = PriceOverride.objects.get()
    assert (changed.pk, changed.ends_at, changed.note, changed.made_by) == (
        row.pk,
        end,
        "the contract",
        "bob",
    )
    assert [set(changes) for _, _, changes in events()] == [{"note", "ends_at"}]


def test_a_price_that_has_not_begun_is_edited_and_can_be_withdrawn(admin: Client) -> None:
    row = override(starts_at=COMING)
    save(admin, place(row), filled(row, input="3"))
    assert PriceOverride.objects.get().input == 3
    save(admin, place(row, "delete"), {"post": "yes"})
    assert not PriceOverride.objects.exists()
    assert [action for action, _, _ in events()] == ["update", "delete"]


def test_a_price_that_has_begun_is_never_deleted(admin: Client) -> None:
    row = override()
    assert admin.post(place(row, "delete"), {"post": "yes"}).status_code == 403
    assert PriceOverride.objects.exists()


def test_the_name_of_a_price_stays_what_it_is(admin: Client) -> None:
    row = override()
    save(admin, place(row), filled(row, provider="anthropic", model="another", note="changed"))
    changed = PriceOverride.objects.get()
    assert (changed.provider, changed.model, changed.note) == ("openai", "own-model", "changed")


def test_a_second_price_for_the_same_time_is_refused_once_and_in_words(admin: Client) -> None:
    override()
    found = errors(admin, ADD, filled(model="Own-Model", input="1", output="1"))
    ((name, words),) = found.items()
    assert (name, len(words)) == ("__all__", 1)
    assert "Another price of own-model is in force then" in words[0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"input": "-1"}, "input"), ({"output": "2000000"}, "output"), ({"provider": "nobody"}, "provider")],
    ids=["negative", "absurd", "provider"],
)
def test_what_cannot_be_meant_comes_back_with_the_form(
    admin: Client, fields: dict[str, str], field: str
) -> None:
    assert set(errors(admin, ADD, filled(input="1", output="1") | fields)) == {field}
    assert not PriceOverride.objects.exists()


def test_a_link_fills_the_form_and_may_hold_anything(admin: Client) -> None:
    asked = {"provider": "openai", "model": NASTY, "starts_at": "2026-03-01T00:00"}
    answer = admin.get(ADD, asked)
    assert answer.context["adminform"].form.initial == asked | {"starts_at": BEGUN}
    assert NASTY.encode() not in answer.content
    assert admin.get(ADD, {"starts_at": "2026-99-99T00:00"}).status_code == 200


def test_the_page_of_a_price_shows_all_that_the_model_ever_cost(admin: Client) -> None:
    old = override(ends_at=BEGUN + timedelta(days=9))
    new = override(starts_at=old.ends_at, input=Decimal("0.075"))
    page = admin.get(place(new)).content.decode()
    assert f'href="{place(old)}"' in page
    assert "0.075 / 8" in page
    assert "2 / 8" in page


def test_an_address_of_no_price_is_none(admin: Client) -> None:
    for name in ("²", "x", "9" * 40):
        assert admin.get(reverse("admin:prices_priceoverride_change", args=[name])).status_code == 302


def test_a_save_that_goes_on_editing_goes_on_with_the_new_price(admin: Client) -> None:
    before = override()
    answer = admin.post(place(before), filled(before, input="3") | {"_continue": "1"})
    assert answer.headers["Location"] == place(PriceOverride.objects.latest("id"))


def test_who_may_only_look_changes_nothing() -> None:
    looking, row = client("view_priceoverride"), override()
    assert looking.get(place(row)).status_code == 200
    assert looking.post(place(row), filled(row, input="3")).status_code == 403
    assert looking.post(ADD, filled(model="other", input="1", output="1")).status_code == 403
    assert [each.input for each in PriceOverride.objects.all()] == [2]


def test_date_and_time_are_named_each_for_who_does_not_see_them(admin):
    page = admin.get(ADD).content.decode()
    for named in ("From, date", "From, time", "Until, date", "Until, time"):
        assert page.count(f'aria-label="{named}"') == 1

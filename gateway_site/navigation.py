"""The admin's sidebar: grouped by what people come to do, of what the one who asks may see.

What may be seen is decided by the pages themselves; here a link is only left out.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Entry:
    title: str
    icon: str  # of Material Symbols
    page: str  # the name of its address in the admin
    permission: str = ""

    @property
    def link(self) -> str:
        return reverse(f"admin:{self.page}")

    def may_be_seen(self, request: HttpRequest) -> bool:
        return not self.permission or request.user.has_perm(self.permission)


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("", (Entry("Overview", "home", "index"),)),
    (
        "Requests",
        (
            Entry("All requests", "list_alt", "logs_requestlog_changelist", "logs.view_requestlog"),
            Entry("Journal", "monitor_heart", "logs_requestlog_journal", "logs.view_requestlog"),
        ),
    ),
    (
        "Keys",
        (
            Entry("Virtual keys", "key", "keys_virtualkey_changelist", "keys.view_virtualkey"),
            Entry("API keys", "badge", "keys_apikey_changelist", "keys.view_apikey"),
            Entry("Integrations", "hub", "keys_integration_changelist", "keys.view_integration"),
            Entry("Workspaces", "workspaces", "keys_workspace_changelist", "keys.view_workspace"),
        ),
    ),
    (
        "Routing",
        (
            Entry("Configs", "alt_route", "configs_config_changelist", "configs.view_config"),
            Entry("Semantic cache", "cached", "cache_semanticcache_changelist", "cache.view_semanticcache"),
        ),
    ),
    (
        "Prices",
        (
            Entry("Own prices", "sell", "prices_priceoverride_changelist", "prices.view_priceoverride"),
            Entry("Models without a price", "money_off", "logs_requestlog_unpriced", "logs.view_requestlog"),
        ),
    ),
    (
        "Audit",
        (Entry("Audit log", "history", "audit_auditevent_changelist", "audit.view_auditevent"),),
    ),
    (
        "People",
        (
            Entry("Users", "person", "auth_user_changelist", "auth.view_user"),
            Entry("Groups", "group", "auth_group_changelist", "auth.view_group"),
            Entry("Sign-in pauses", "timer", "gateway_site_tries_changelist", "gateway_site.view_tries"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups in Unfold's form; the one entry is active whose address leads on to this page's."""
    seen = [(title, [entry for entry in entries if entry.may_be_seen(request)]) for title, entries in GROUPS]
    links = [entry.link for _, entries in seen for entry in entries]
    here = max((link for link in links if leads(link, request.path)), key=len, default="")
    return [
        {"title": title, "items": [item(entry, active=entry.link == here) for entry in entries]}
        for title, entries in seen
    ]


def item(entry: Entry, *, active: bool) -> dict[str, Any]:
    return {"title": entry.title, "icon": entry.icon, "link": entry.link, "active": active}


def leads(address: str, path: str) -> bool:
    """Whether a page is at this address or below it. The overview stands above all, and is only itself."""
    return path == address if address == reverse("admin:index") else path.startswith(address)

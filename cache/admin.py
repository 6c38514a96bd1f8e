"""The semantic cache in the admin: one row for each workspace that has it on."""

from django.contrib import admin

from cache.models import SemanticCache
from keys.admin_lists import QuickAdmin

WHAT = (
    'A config with "cache": {"mode": "semantic"} answers a question from the cache if it is the same as an '
    "earlier one, and with this also if it is like one: by what was answered to somebody else's words. "
    "Without this such a config does what the mode simple does."
)
COSTS = (
    "Each short chat or text completion that such a config does not find as it stands costs one call for an "
    "embedding of its text (at most 8,191 tokens). The text goes to this key's provider, which bills it, and "
    "the answer waits for it, 5 seconds at most. The request log shows it among the attempts of the call."
)


@admin.register(SemanticCache)
class SemanticCacheAdmin(QuickAdmin):
    search_help_text = "How a workspace's name or slug begins."
    list_display = ("workspace", "enabled", "virtual_key", "model", "threshold")
    list_filter = ("enabled",)
    list_select_related = ("workspace", "virtual_key")
    search_fields = ("workspace__name", "workspace__slug")
    fixed = ("workspace",)
    autocomplete_fields = ("workspace", "virtual_key")
    fieldsets = (
        (None, {"fields": ("workspace", "enabled"), "description": WHAT}),
        ("Embeddings", {"fields": ("virtual_key", "model", "dimensions"), "description": COSTS}),
        ("Likeness", {"fields": ("threshold",)}),
    )

"""A group for who keeps configs; and who chooses or reads of one sees it, where the first groups are as made."""

import importlib

from django.db import migrations

first = importlib.import_module("gateway_site.migrations.0003_first_groups")

WORDS = {
    ("configs", "config"): "config",
    ("cache", "semanticcache"): "semantic cache",
    ("keys", "workspace"): "workspace",
    ("keys", "virtualkey"): "virtual key",
}
NAME = "Config managers"
MODELS = {
    ("configs", "config"): first.KEEP,
    ("cache", "semanticcache"): first.KEEP,
    ("keys", "workspace"): first.LOOK,
    ("keys", "virtualkey"): first.LOOK,
}
SEEN = {("configs", "config"): first.LOOK}


def make(apps, editor):
    """A group of that name that is there already stays as it is."""
    alias = editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(alias)
    group, made = groups.get_or_create(name=NAME)
    if made:
        group.permissions.set(first.permissions(apps, alias, MODELS, WORDS))
    for group in groups.filter(name__in=first.GROUPS):
        if is_as_made(group):
            group.permissions.add(*first.permissions(apps, alias, SEEN, WORDS))


def is_as_made(group):
    told = {(app, model, verb) for (app, model), verbs in first.GROUPS[group.name].items() for verb in verbs}
    found = group.permissions.values_list("content_type__app_label", "content_type__model", "codename")
    return {(app, model, code.partition("_")[0]) for app, model, code in found} == told


class Migration(migrations.Migration):
    dependencies = [("gateway_site", "0003_first_groups")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]

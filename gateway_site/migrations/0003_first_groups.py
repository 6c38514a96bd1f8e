"""Groups to begin with. They are made once: who renames, changes or deletes one is not contradicted later."""

from django.db import migrations

WORDS = {
    ("audit", "auditevent"): "event",
    ("logs", "requestlog"): "request",
    ("prices", "priceoverride"): "own price",
    ("keys", "workspace"): "workspace",
    ("keys", "apikey"): "API key",
    ("keys", "integration"): "integration",
    ("keys", "virtualkey"): "virtual key",
}
LOOK = ("view",)
KEEP = ("add", "change", "view")
GROUPS = {
    "Auditors": {
        ("audit", "auditevent"): LOOK,
        ("logs", "requestlog"): LOOK,
        ("prices", "priceoverride"): LOOK,
    },
    "Key managers": {
        ("keys", "workspace"): LOOK,
        ("keys", "apikey"): KEEP,
        ("keys", "integration"): KEEP,
        ("keys", "virtualkey"): KEEP,
    },
}


def make(apps, editor):
    """A group of that name that is there already stays as it is."""
    groups = apps.get_model("auth", "Group").objects.using(editor.connection.alias)
    for name, models in GROUPS.items():
        group, made = groups.get_or_create(name=name)
        if made:
            group.permissions.set(permissions(apps, editor.connection.alias, models))


def permissions(apps, alias, models, words=WORDS):
    """Django makes them only after all migrations, and then finds those that are there."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    rows = apps.get_model("auth", "Permission").objects.using(alias)
    for (app, model), verbs in models.items():
        of_model, _ = types.get_or_create(app_label=app, model=model)
        for verb in verbs:
            told = {"name": f"Can {verb} {words[app, model]}"}
            yield rows.get_or_create(content_type=of_model, codename=f"{verb}_{model}", defaults=told)[0]


class Migration(migrations.Migration):
    dependencies = [
        ("gateway_site", "0002_kinds_of_tries"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]

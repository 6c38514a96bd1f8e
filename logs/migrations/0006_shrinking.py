"""A file of SQLite's that can give back the room of what was removed."""

from django.db import migrations

from logs.keeping import shrinking


def shrinkable(apps, editor):
    """An empty file is made anew in no time; one that holds calls is left to `manage.py prune_logs --vacuum`."""
    calls = apps.get_model("logs", "RequestLog").objects.using(editor.connection.alias)
    if not calls.exists():
        shrinking.make_shrinkable(editor.connection)


class Migration(migrations.Migration):
    atomic = False  # VACUUM stands outside of any transaction

    dependencies = [("logs", "0005_floor")]

    operations = [migrations.RunPython(shrinkable, migrations.RunPython.noop)]

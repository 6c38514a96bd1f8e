"""Where the log begins."""

import uuid

from django.db import migrations, models


def begin(apps, editor):
    """The one row. It is there before anything is removed, so that who inserts can hold on to it."""
    apps.get_model("logs", "LogFloor").objects.using(editor.connection.alias).create(
        id=1, lowest=uuid.UUID(int=0)
    )


class Migration(migrations.Migration):
    dependencies = [("logs", "0004_indexes")]

    operations = [
        migrations.CreateModel(
            name="LogFloor",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("lowest", models.UUIDField()),
            ],
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]

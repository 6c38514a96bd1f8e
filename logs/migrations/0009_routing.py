"""How a call was routed, and what the cache had for it.

Columns are added with a default that stays: no call is written anew (Django would have SQLite write the whole
table for each of them), and an ingester of the version before goes on writing meanwhile.
"""

from django.db import migrations, models

from logs.keeping import guard

TABLE = "logs_requestlog"
FIELDS = {
    "config": models.CharField(blank=True, max_length=255),
    "config_id": models.CharField(blank=True, max_length=64, verbose_name="config id"),
    "config_version": models.CharField(blank=True, max_length=64),
    "config_number": models.IntegerField(blank=True, null=True),
    "mode": models.CharField(blank=True, max_length=16),
    "rescued": models.BooleanField(default=False),
    "skipped": models.JSONField(blank=True, default=list),
    "cache_age": models.FloatField(blank=True, null=True),
    "cache_similarity": models.FloatField(blank=True, null=True),
}
EMPTY, DEFAULTS = "''", {"rescued": "false", "skipped": "'[]'"}
INDEXES = (
    models.Index(condition=models.Q(("rescued", True)), fields=["id"], name="logs_of_rescued"),
    models.Index(
        condition=models.Q(("config", ""), _negated=True), fields=["config", "id"], name="logs_by_config"
    ),
    models.Index(
        condition=models.Q(
            models.Q(("cache_status", ""), _negated=True),
            models.Q(("cache_status", "DISABLED"), _negated=True),
        ),
        fields=["cache_status", "id"],
        name="logs_by_cache",
    ),
)


def columns(editor):
    """Each column, as the database declares it."""
    for name, declared in FIELDS.items():
        field = declared.clone()
        field.set_attributes_from_name(name)
        told = field.db_parameters(editor.connection)
        default = "" if field.null else f" NOT NULL DEFAULT {DEFAULTS.get(name, EMPTY)}"
        check = f" CHECK ({told['check']})" if told["check"] else ""
        yield f"{name} {told['type']}{default}{check}"


def add(apps, editor):
    for column in columns(editor):
        editor.execute(f"ALTER TABLE {TABLE} ADD COLUMN {column}")


def remove(apps, editor):
    for name in FIELDS:
        editor.execute(f"ALTER TABLE {TABLE} DROP COLUMN {name}")


class Migration(migrations.Migration):
    dependencies = [("logs", "0008_guard")]

    operations = [
        migrations.RunPython(guard.lift, guard.guard),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(model_name="requestlog", name=name, field=field)
                for name, field in FIELDS.items()
            ],
        ),
        migrations.AlterField(
            model_name="logbody",
            name="kind",
            field=models.CharField(
                choices=[
                    ("config", "Config"),
                    ("request", "Request"),
                    ("sent", "Sent"),
                    ("received", "Received"),
                    ("response", "Response"),
                ],
                max_length=16,
            ),
        ),
        *(migrations.AddIndex(model_name="requestlog", index=index) for index in INDEXES),
        migrations.RunPython(guard.guard, guard.lift),
    ]

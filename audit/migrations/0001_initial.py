from django.db import migrations, models

from audit import append_only


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="time")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("user", "User"),
                            ("api_key", "API key"),
                            ("command", "Command"),
                            ("system", "System"),
                        ],
                        max_length=16,
                        verbose_name="kind of actor",
                    ),
                ),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("actor", models.CharField(blank=True, max_length=150)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("create", "Created"),
                            ("update", "Changed"),
                            ("delete", "Deleted"),
                            ("rotate", "Secret replaced"),
                            ("reseal", "Secret sealed anew"),
                            ("publish", "Published"),
                            ("export", "Exported"),
                            ("manage", "Managed"),
                            ("duplicate", "Duplicated"),
                            ("sign_in", "Signed in"),
                            ("sign_in_failed", "Sign-in failed"),
                            ("sign_out", "Signed out"),
                        ],
                        max_length=32,
                    ),
                ),
                ("object_kind", models.CharField(blank=True, max_length=40, verbose_name="kind of object")),
                ("object_id", models.CharField(blank=True, max_length=64)),
                ("object", models.CharField(blank=True, max_length=255)),
                ("workspace_id", models.UUIDField(null=True)),
                (
                    "changes",
                    models.JSONField(
                        default=dict, help_text="Each field as it was and as it is. No secrets."
                    ),
                ),
                ("address", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "ordering": ["-created_at", "-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="audit_newest"),
                    models.Index(fields=["actor_kind", "actor_id", "-created_at"], name="audit_by_actor"),
                    models.Index(fields=["object_kind", "object_id", "-created_at"], name="audit_by_object"),
                    models.Index(fields=["action", "-created_at"], name="audit_by_action"),
                    models.Index(fields=["object_id"], name="audit_by_object_id"),
                    models.Index(
                        fields=["actor"], name="audit_by_actor_name", opclasses=["varchar_pattern_ops"]
                    ),
                    models.Index(
                        fields=["object"], name="audit_by_object_name", opclasses=["varchar_pattern_ops"]
                    ),
                ],
            },
        ),
        migrations.RunPython(append_only.guard, append_only.lift),
    ]

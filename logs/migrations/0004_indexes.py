"""An index for each thing the log is filtered by, in the order of its list."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("logs", "0003_cost_lines"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="requestlog",
            name="logs_by_trace",
        ),
        migrations.RemoveIndex(
            model_name="requestlog",
            name="logs_by_model",
        ),
        migrations.RemoveIndex(
            model_name="requestlog",
            name="logs_by_status",
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["virtual_key_id", "id"], name="logs_by_virtual_key"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["provider", "id"], name="logs_by_provider"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["model", "id"], name="logs_by_model"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(fields=["trace_id", "id"], name="logs_by_trace"),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(
                condition=models.Q(("outcome", "finished"), _negated=True),
                fields=["outcome", "id"],
                name="logs_by_outcome",
            ),
        ),
        migrations.AddIndex(
            model_name="requestlog",
            index=models.Index(
                condition=models.Q(("status__gte", 400)), fields=["id", "status"], name="logs_of_errors"
            ),
        ),
    ]

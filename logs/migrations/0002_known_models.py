"""The models that each virtual key is known to reach."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("logs", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="KnownModel",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "virtual_key_id",
                        "model",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("virtual_key_id", models.CharField(max_length=64)),
                ("model", models.CharField(max_length=255)),
                ("listed_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
            ],
        ),
    ]

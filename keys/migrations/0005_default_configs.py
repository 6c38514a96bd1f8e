"""Default configs: an API key's was a text that nobody read, and is now a config; a workspace has one too."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("configs", "0001_initial"),
        ("keys", "0004_ends_of_transitions"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="default_config",
            field=models.ForeignKey(
                blank=True,
                help_text="Of calls that name none, where their API key has none either.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="default_of_workspaces",
                to="configs.config",
            ),
        ),
        migrations.RemoveField(model_name="apikey", name="default_config"),
        migrations.AddField(
            model_name="apikey",
            name="default_config",
            field=models.ForeignKey(
                blank=True,
                help_text="Of calls that name none. Empty: the workspace's, if it has one.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="default_of_keys",
                to="configs.config",
            ),
        ),
    ]

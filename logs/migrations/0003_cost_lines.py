"""How a cost came about, kept with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("logs", "0002_known_models"),
    ]

    operations = [
        migrations.AddField(
            model_name="requestlog",
            name="cost_first",
            field=models.DecimalField(blank=True, decimal_places=12, max_digits=20, null=True),
        ),
        migrations.AddField(
            model_name="requestlog",
            name="cost_lines",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="requestlog",
            name="price_source",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="requestlog",
            name="repriced_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]

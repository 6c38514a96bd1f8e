"""Calls stay as they were recorded."""

from django.db import migrations

from logs.keeping import guard


class Migration(migrations.Migration):
    dependencies = [("logs", "0007_repricing")]

    operations = [migrations.RunPython(guard.guard, guard.lift)]

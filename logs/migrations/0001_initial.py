"""The request log, its bodies and its metadata, partitioned by month on PostgreSQL."""

from django.db import migrations, models

from logs.partitions import CreatePartitioned


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        CreatePartitioned(
            name="LogBody",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "log", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("log", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("request", "Request"),
                            ("sent", "Sent"),
                            ("received", "Received"),
                            ("response", "Response"),
                        ],
                        max_length=16,
                    ),
                ),
                ("content", models.BinaryField()),
                ("size", models.BigIntegerField()),
                ("cut", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "body",
                "verbose_name_plural": "bodies",
            },
        ),
        CreatePartitioned(
            name="LogMetadata",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "key",
                        "value",
                        "log",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("workspace_id", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=128)),
                ("value", models.CharField(max_length=128)),
                ("log", models.UUIDField()),
            ],
            options={
                "verbose_name": "metadata value",
            },
        ),
        CreatePartitioned(
            name="RequestLog",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(verbose_name="opened at")),
                ("organisation", models.CharField(blank=True, max_length=64)),
                ("workspace", models.CharField(blank=True, max_length=255)),
                ("workspace_id", models.CharField(blank=True, max_length=64)),
                ("api_key", models.CharField(blank=True, max_length=255, verbose_name="API key")),
                ("api_key_id", models.CharField(blank=True, max_length=64, verbose_name="API key id")),
                ("virtual_key", models.CharField(blank=True, max_length=255)),
                ("virtual_key_id", models.CharField(blank=True, max_length=64)),
                ("integration", models.CharField(blank=True, max_length=255)),
                ("provider", models.CharField(blank=True, max_length=255)),
                ("model", models.CharField(blank=True, max_length=255, verbose_name="model asked")),
                ("model_answered", models.CharField(blank=True, max_length=255)),
                ("method", models.CharField(blank=True, max_length=16)),
                ("endpoint", models.CharField(blank=True, max_length=1024)),
                ("fn", models.CharField(blank=True, max_length=64)),
                ("dialect", models.CharField(blank=True, max_length=64)),
                ("stream", models.BooleanField(default=False)),
                ("status", models.IntegerField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("finished", "Finished"),
                            ("failed", "Failed"),
                            ("refused", "Refused"),
                            ("truncated", "Truncated"),
                            ("abandoned", "Abandoned"),
                            ("interrupted", "Interrupted"),
                        ],
                        max_length=16,
                    ),
                ),
                ("finish", models.CharField(blank=True, max_length=64)),
                ("error_type", models.CharField(blank=True, max_length=255)),
                ("error_code", models.CharField(blank=True, max_length=255)),
                ("error_message", models.CharField(blank=True, max_length=4096)),
                ("attempts", models.JSONField(blank=True, default=list)),
                ("retry_count", models.IntegerField(default=0)),
                ("option_index", models.CharField(blank=True, max_length=255)),
                ("cache_status", models.CharField(blank=True, max_length=64)),
                ("ignored", models.JSONField(blank=True, default=list)),
                (
                    "usage_source",
                    models.CharField(
                        choices=[("provider", "Provider"), ("estimated", "Estimated"), ("none", "None")],
                        default="none",
                        max_length=16,
                    ),
                ),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("reasoning_tokens", models.BigIntegerField(default=0)),
                ("audio_input_tokens", models.BigIntegerField(default=0)),
                ("audio_output_tokens", models.BigIntegerField(default=0)),
                ("total_tokens", models.BigIntegerField(default=0)),
                ("cost", models.DecimalField(blank=True, decimal_places=12, max_digits=20, null=True)),
                ("currency", models.CharField(default="USD", max_length=3)),
                (
                    "pricing",
                    models.CharField(
                        choices=[("priced", "Priced"), ("free", "Free"), ("unpriced", "Unpriced")],
                        default="unpriced",
                        max_length=16,
                    ),
                ),
                ("first_byte_ms", models.FloatField(blank=True, null=True)),
                ("total_ms", models.FloatField(blank=True, null=True)),
                ("gateway_ms", models.FloatField(blank=True, null=True)),
                ("trace_id", models.CharField(blank=True, max_length=255)),
                ("span_id", models.CharField(blank=True, max_length=255)),
                ("span_name", models.CharField(blank=True, max_length=255)),
                ("parent_span_id", models.CharField(blank=True, max_length=255)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("client_address", models.CharField(blank=True, max_length=64)),
                ("sdk", models.CharField(blank=True, max_length=255)),
            ],
            options={
                "verbose_name": "request",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["workspace_id", "id"], name="logs_by_workspace"),
                    models.Index(fields=["trace_id"], name="logs_by_trace"),
                    models.Index(fields=["api_key_id", "id"], name="logs_by_api_key"),
                    models.Index(fields=["provider", "model", "id"], name="logs_by_model"),
                    models.Index(fields=["status", "id"], name="logs_by_status"),
                ],
            },
        ),
    ]

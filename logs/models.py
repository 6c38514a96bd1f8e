"""The request log: one row for each call, beside it its bodies and its metadata.

A row stands alone: it has no foreign keys, and names are kept as they were on the day. Its id is a
UUIDv7 minted when the call opens, so ids are in the order of time. On PostgreSQL all three tables are
partitioned by month of that id (logs/partitions.py). Rows are written by logs/ingester.py alone.

Beside the log stands what follows from it: the models each virtual key is known to reach.
"""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from keys.models.base import Visible
from logs.ids import new_id

ID, NAME, LONG, NAMED = 64, 255, 1024, 128  # lengths: an id, a name, a path, a metadata key or value
MESSAGE = 4096


class Outcome(models.TextChoices):
    """How a call ended."""

    FINISHED = "finished"  # answered, the whole of it
    FAILED = "failed"  # answered with an error, the provider's or ours
    REFUSED = "refused"  # answered by a rule of ours, as a rule before any provider was asked
    TRUNCATED = "truncated"  # the provider's stream ended without its terminal marker
    ABANDONED = "abandoned"  # the client left
    INTERRUPTED = "interrupted"  # the gateway itself was stopped


class UsageSource(models.TextChoices):
    PROVIDER = "provider"
    ESTIMATED = "estimated"
    NONE = "none"


class Pricing(models.TextChoices):
    """Unpriced is not free: its cost is null, not nothing."""

    PRICED = "priced"
    FREE = "free"
    UNPRICED = "unpriced"


# What `cache_status` says of a call whose answer was kept from an earlier one: no provider was asked for it.
HITS = ("HIT", "SEMANTIC HIT")
FOR_CACHE = "cache"  # the path of an attempt that asked for an embedding, not for the answer


class RequestLog(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)
    created_at = models.DateTimeField("opened at")

    organisation = models.CharField(max_length=ID, blank=True)
    workspace = models.CharField(max_length=NAME, blank=True)
    workspace_id = models.CharField(max_length=ID, blank=True)
    api_key = models.CharField("API key", max_length=NAME, blank=True)
    api_key_id = models.CharField("API key id", max_length=ID, blank=True)
    virtual_key = models.CharField(max_length=NAME, blank=True)
    virtual_key_id = models.CharField(max_length=ID, blank=True)
    integration = models.CharField(max_length=NAME, blank=True)

    provider = models.CharField(max_length=NAME, blank=True)
    model = models.CharField("model asked", max_length=NAME, blank=True)
    model_answered = models.CharField(max_length=NAME, blank=True)
    method = models.CharField(max_length=16, blank=True)
    endpoint = models.CharField(max_length=LONG, blank=True)
    fn = models.CharField(max_length=ID, blank=True)
    dialect = models.CharField(max_length=ID, blank=True)
    stream = models.BooleanField(default=False)

    status = models.IntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome)
    finish = models.CharField(max_length=ID, blank=True)
    error_type = models.CharField(max_length=NAME, blank=True)
    error_code = models.CharField(max_length=NAME, blank=True)
    error_message = models.CharField(max_length=MESSAGE, blank=True)
    attempts = models.JSONField(default=list, blank=True)
    retry_count = models.IntegerField(default=0)
    option_index = models.CharField(max_length=NAME, blank=True)
    config = models.CharField(max_length=NAME, blank=True)  # its slug; "inline": it came with the call
    config_id = models.CharField("config id", max_length=ID, blank=True)
    config_version = models.CharField(max_length=ID, blank=True)
    config_number = models.IntegerField(null=True, blank=True)  # of that version
    mode = models.CharField(max_length=16, blank=True)  # of the config's root
    rescued = models.BooleanField(default=False)  # answered well after a retry or a fallback
    skipped = models.JSONField(default=list, blank=True)  # targets whose circuit breaker was open
    cache_status = models.CharField(max_length=ID, blank=True)
    cache_age = models.FloatField(null=True, blank=True)  # seconds, of a hit
    cache_similarity = models.FloatField(null=True, blank=True)  # 0 to 1, of a semantic hit
    ignored = models.JSONField(default=list, blank=True)

    usage_source = models.CharField(max_length=16, choices=UsageSource, default=UsageSource.NONE)
    input_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    audio_input_tokens = models.BigIntegerField(default=0)
    audio_output_tokens = models.BigIntegerField(default=0)
    total_tokens = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=12, null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    pricing = models.CharField(max_length=16, choices=Pricing, default=Pricing.UNPRICED)
    cost_lines = models.JSONField(default=list, blank=True)  # how the cost came about: logs/usage.py
    price_source = models.CharField(max_length=ID, blank=True)  # the price list, or the override
    repriced_at = models.DateTimeField(null=True, blank=True)
    cost_first = models.DecimalField(  # before it was priced anew
        max_digits=20, decimal_places=12, null=True, blank=True
    )

    first_byte_ms = models.FloatField(null=True, blank=True)
    total_ms = models.FloatField(null=True, blank=True)
    gateway_ms = models.FloatField(null=True, blank=True)

    trace_id = models.CharField(max_length=NAME, blank=True)
    span_id = models.CharField(max_length=NAME, blank=True)
    span_name = models.CharField(max_length=NAME, blank=True)
    parent_span_id = models.CharField(max_length=NAME, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    client_address = models.CharField(max_length=ID, blank=True)
    sdk = models.CharField(max_length=NAME, blank=True)

    objects = Visible["RequestLog"].as_manager()

    kind = "request_log"  # what the audit log calls it

    class Meta:
        verbose_name = "request"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace_id", "id"], name="logs_by_workspace"),
            models.Index(fields=["api_key_id", "id"], name="logs_by_api_key"),
            models.Index(fields=["virtual_key_id", "id"], name="logs_by_virtual_key"),
            models.Index(fields=["provider", "id"], name="logs_by_provider"),
            models.Index(fields=["model", "id"], name="logs_by_model"),
            models.Index(fields=["trace_id", "id"], name="logs_by_trace"),
            # of what is not usual: a query uses them by the same condition, see logs/asking/conditions.py
            models.Index(fields=["outcome", "id"], name="logs_by_outcome", condition=~Q(outcome="finished")),
            models.Index(fields=["id", "status"], name="logs_of_errors", condition=Q(status__gte=400)),
            models.Index(fields=["id"], name="logs_of_rescued", condition=Q(rescued=True)),
            models.Index(fields=["config", "id"], name="logs_by_config", condition=~Q(config="")),
            models.Index(
                fields=["cache_status", "id"],
                name="logs_by_cache",
                condition=~Q(cache_status="") & ~Q(cache_status="DISABLED"),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class BodyKind(models.TextChoices):
    """The middle two are kept only where they differ from the outer ones."""

    CONFIG = "config"  # as the client sent it, without the credentials in it
    REQUEST = "request"  # as the client sent it
    SENT = "sent"  # as it went to the provider
    RECEIVED = "received"  # as it came from the provider
    RESPONSE = "response"  # as it went to the client


class LogBody(models.Model):
    """One body of one call, compressed with zlib."""

    pk = models.CompositePrimaryKey("log", "kind")
    log = models.UUIDField()
    kind = models.CharField(max_length=16, choices=BodyKind)
    content = models.BinaryField()
    size = models.BigIntegerField()  # bytes, before any cut
    cut = models.BooleanField(default=False)  # only the beginning was kept

    class Meta:
        verbose_name = "body"
        verbose_name_plural = "bodies"

    def __str__(self) -> str:
        return f"{self.kind} of {self.log}"


class LogMetadata(models.Model):
    """One metadata value of one call; the primary key is the index by which calls are found."""

    pk = models.CompositePrimaryKey("workspace_id", "key", "value", "log")
    workspace_id = models.CharField(max_length=ID)
    key = models.CharField(max_length=NAMED)
    value = models.CharField(max_length=NAMED)
    log = models.UUIDField()

    class Meta:
        verbose_name = "metadata value"

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class KnownModel(models.Model):
    """A model that a virtual key's provider listed, or that answered it; written by logs/known.py."""

    pk = models.CompositePrimaryKey("virtual_key_id", "model")
    virtual_key_id = models.CharField(max_length=ID)
    model = models.CharField(max_length=NAME)
    listed_at = models.DateTimeField(null=True)  # null: it is not in the last list
    seen_at = models.DateTimeField(null=True)  # a call that finished, on the last day with one

    def __str__(self) -> str:
        return f"{self.model} by {self.virtual_key_id}"


class LogFloor(models.Model):
    """Where the log begins: in its one row the lowest id that is kept. It only rises (keeping/floor.py)."""

    id = models.SmallIntegerField(primary_key=True)
    lowest = models.UUIDField()

    def __str__(self) -> str:
        return str(self.lowest)


class UnpricedModel(models.Model):
    """The calls of a day, in UTC, that used tokens of a model without a price; kept by logs/unpriced.py."""

    pk = models.CompositePrimaryKey("day", "provider", "model")
    day = models.DateField()
    provider = models.CharField(max_length=NAME)
    model = models.CharField(max_length=NAME)  # that answered, else that was asked
    asked = models.CharField(max_length=NAME, blank=True)  # one of the names it was asked for by
    calls = models.BigIntegerField()
    used = models.BigIntegerField()  # tokens
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.model} at {self.provider} on {self.day}"


class Repricing(models.Model):
    """A request to price past calls anew, and what came of it; the ingester sees to it."""

    kind = "repricing"

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    asked_at = models.DateTimeField(auto_now_add=True)
    asked_by = models.CharField(max_length=NAME, blank=True)
    since = models.DateTimeField("from", null=True, blank=True)
    until = models.DateTimeField()
    provider = models.CharField(max_length=NAME, blank=True)
    model = models.CharField(max_length=NAME, blank=True)
    only_unpriced = models.BooleanField("only calls without a price", default=True)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    reached = models.UUIDField(null=True)  # the last call looked at
    looked = models.BigIntegerField(default=0)  # calls
    changed = models.BigIntegerField(default=0)  # calls, whose costs were and are:
    cost_before = models.DecimalField(max_digits=24, decimal_places=12, default=Decimal(0))
    cost_after = models.DecimalField(max_digits=24, decimal_places=12, default=Decimal(0))
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("add",)

    def __str__(self) -> str:
        which = " ".join(
            each for each in (self.model, f"at {self.provider}" if self.provider else "") if each
        )
        since = f"from {self.since:%Y-%m-%d %H:%M} " if self.since else ""
        return f"{which or 'all models'} {since}until {self.until:%Y-%m-%d %H:%M} UTC"

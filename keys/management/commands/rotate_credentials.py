"""`manage.py rotate_credentials`: seal every credential under the first of CREDENTIAL_KEYS.

It goes batch by batch and can be broken off: what is done is done, and the next run does the rest. The canary
is sealed anew only when nothing is left, so a start without the old key fails until then.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import acting, of_command
from audit.models import Action
from keys import crypto
from keys.changes import changing
from keys.management.telling import plainly
from keys.models import Installation, Integration

BATCH = 100


class Command(BaseCommand):
    help = "Seal all credentials under the first of CREDENTIAL_KEYS, so that the others can be taken away."

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), acting(of_command()):
            self.rotate()

    def rotate(self) -> None:
        total, done = Integration.objects.sealed_before().count(), 0
        lost: list[Integration] = []
        while batch := self.next_batch(lost):
            lost += reseal(batch)
            done += len(batch)
            self.stderr.write(f"{min(done, total)} of {total}", str)
        if lost:
            names = "".join(f"\n  {row.pk} {row.slug}" for row in lost)
            raise CommandError(f"None of CREDENTIAL_KEYS opens these integrations:{names}")
        seal_canary()
        self.stderr.write(f"Every credential is sealed under the first key, {crypto.key_id()}.", str)

    def next_batch(self, lost: list[Integration]) -> list[Integration]:
        rest = Integration.objects.sealed_before().exclude(pk__in=[row.pk for row in lost])
        return list(rest[:BATCH])


def reseal(batch: list[Integration]) -> list[Integration]:
    """Seal these again; returns those that cannot be unsealed."""
    lost = []
    with changing(*batch, action=Action.RESEAL):
        # Read again under the lock of the generation: a secret may have been changed meanwhile.
        for row in Integration.objects.filter(pk__in=[each.pk for each in batch]):
            try:
                row.reseal()
            except crypto.Unsealable:
                lost.append(row)
            else:
                row.save(update_fields=["sealed_secret", "sealed_previous_secret", "key_id", "updated_at"])
    return lost


def seal_canary() -> None:
    """Let a start without the older keys succeed. Raises CommandError if something was sealed meanwhile."""
    Installation.objects.current()
    with changing():
        if Integration.objects.sealed_before().exists():
            raise CommandError("Credentials were added under an older key meanwhile: run this again.")
        Installation.objects.update(canary=crypto.seal(crypto.CANARY))

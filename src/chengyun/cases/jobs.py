"""Scheduled work of the cases room."""

from datetime import timedelta

from chengyun.cases.repository import photos, records
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.jobs import periodic

KEPT = timedelta(days=1)


@periodic("17 * * * *", "cases.forget")
def forget() -> None:
    """Drop photos that were never attached to a case, and idempotency keys that nobody will repeat."""
    before = clock.now() - KEPT
    with transaction(Scope.everything()) as session:
        photos.forget_uploads(session, before)
        records.forget_keys(session, before)

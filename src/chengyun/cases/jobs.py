"""Scheduled work of the cases room."""

from datetime import timedelta

from chengyun.cases.repository import photos, records
from chengyun.kernel import blob, clock
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.jobs import periodic

KEPT = timedelta(days=1)


@periodic("17 * * * *", "cases.forget")
def forget() -> None:
    """Drop photos that were never attached to a case, and idempotency keys that nobody will repeat."""
    before = clock.now() - KEPT
    with transaction(Scope.everything()) as session:
        files = photos.forget_uploads(session, before)
        records.forget_keys(session, before)
    # Once the rows are gone for good: a file without a row is waste, a row without its file a loss.
    for key in files:
        blob.store().drop(key)

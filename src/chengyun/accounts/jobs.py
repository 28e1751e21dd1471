"""Scheduled work of the accounts room."""

from chengyun.accounts.service import access
from chengyun.kernel.jobs import periodic


@periodic("17 * * * *", "accounts.purge_sessions")
def purge_sessions() -> None:
    """Every hour, so that the table of log-ins holds only those that stand."""
    access.purge()

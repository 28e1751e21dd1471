"""Scheduled work of the regions room."""

from sqlalchemy.orm import Session

from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.jobs import periodic
from chengyun.regions import service


def refresh(session: Session) -> None:
    """Renew the districts of streets, for changes that take effect today."""
    service.refresh_homes(session)


@periodic("5 * * * *", "regions.refresh_homes")
def refresh_homes() -> None:
    """Every hour, so that a change of midnight in the city is seen whatever zone the machine runs in."""
    with transaction(Scope.everything()) as session:
        refresh(session)

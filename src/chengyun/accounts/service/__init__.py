"""What the accounts room does, for its own routes and for the rooms above."""

from chengyun.accounts.models import Organisation
from chengyun.accounts.service.access import authenticate, is_current
from chengyun.accounts.service.keys import create_api_key
from chengyun.accounts.service.people import ensure_user, make_administrator
from chengyun.accounts.service.roles import seed
from chengyun.accounts.service.units import (
    NewUnit,
    ensure_organisation,
    ensure_organisations,
    find_units,
    organisation_by_key,
    organisations,
)

__all__ = [
    "NewUnit",
    "Organisation",
    "authenticate",
    "create_api_key",
    "ensure_organisation",
    "ensure_organisations",
    "ensure_user",
    "find_units",
    "is_current",
    "make_administrator",
    "organisation_by_key",
    "organisations",
    "seed",
]

"""Small verbs of the operator."""

import json

from chengyun.cli.failures import Refused
from chengyun.kernel import addresses, stamp
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.settings import get_settings


def migrate_database() -> None:
    """Bring the database to this version."""
    from chengyun.kernel.migrate import upgrade
    from chengyun.server.rooms import import_models

    url = addresses.database_url()
    import_models()
    upgrade(url)
    _load_base()
    stamp.leave(url)


def _load_base() -> None:
    """What every city begins with: standards, divisions, posts and the built-in packs. What an operator changed stays."""
    from chengyun.accounts import service as accounts
    from chengyun.packs import service as packs
    from chengyun.regions import service as regions
    from chengyun.standards import service as standards

    with transaction(Scope.everything()) as session:
        standards.seed(session)
        regions.seed(session)
        accounts.seed(session)
        packs.apply_builtin(session)


def settings_in_force() -> str:
    """All settings as JSON; secrets are stars."""
    return json.dumps(get_settings().model_dump(mode="json"), ensure_ascii=False, indent=2)


def make_administrator(name: str, password: str | None) -> str:
    """Create an administrator of users and of rights, or give it a new password; a strong one is made up when none is given."""
    from chengyun.accounts import service
    from chengyun.kernel.db import Scope, transaction

    migrate_database()
    settings = get_settings()
    with transaction(Scope.everything()) as session:
        service.seed(session)
        city = service.find_units(session, kind="city", area_code=settings.city_code)
        home = (
            city[0].id
            if city
            else service.ensure_organisation(
                session, key="city", name=settings.city_name, name_en="City", kind="city", parent_key=None, area_code=settings.city_code
            )
        )
        new, made = service.make_administrator(session, name, password, home)
    what = f"{name.strip().lower()} has been created" if new else f"{name.strip().lower()} has a new password"
    return f"{what} and administers users and rights; " + (f"the password is {made}" if password is None else "the password is as given")


def verify_cases(number: str | None) -> str:
    """Check the hash chains of all timelines, or of one; fails with the list of what is wrong."""
    from chengyun.cases.service import verify
    from chengyun.kernel.db import Scope, read_only

    with read_only(Scope.everything()) as session:
        found = verify(session, number)
    checked = f"{found.cases:,} cases, {found.events:,} events"
    if found.sound:
        return f"{checked}: every timeline is as it was written"
    faults = [f"  {f.number}{f' event {f.sequence}' if f.sequence else ''}: {f.kind}" for f in found.faults]
    raise Refused("\n".join([f"{checked}: {len(faults)} fault(s)", *faults]))

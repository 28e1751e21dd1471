"""Which unit should handle a case: by class and area, with the reason."""

from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.accounts.service import Organisation
from chengyun.cases.models import CaseRoute
from chengyun.cases.repository import rules
from chengyun.cases.schemas import UnitSuggestion
from chengyun.regions import service as regions
from chengyun.standards import service as standards
from chengyun.standards.codes import Edition, Kind

_FALLBACK = ("由属地区县统筹处置", "the district in charge of the place arranges it")


def suggest(
    session: Session, region_code: str, kind: Kind | None, class_code: str | None, lang: str, edition: Edition = Edition.GB47678_2026
) -> list[UnitSuggestion]:
    """The units of the district of a place, the suggested one first."""
    home = regions.home(session, region_code)
    area = home.code if home else region_code[:6]
    found = accounts.find_units(session, area_code=area)
    if len(region_code) >= 9:
        found += accounts.find_units(session, area_code=region_code[:9])
    route = route_of(session, kind, class_code, edition)
    best, reason = _best(found, route, area)
    zh = lang.startswith("zh")
    ordered = sorted(found, key=lambda u: (u is not best, u.kind != "department", u.kind != "district", u.key))
    return [
        UnitSuggestion(
            id=unit.id,
            name=unit.name if zh else unit.name_en or unit.name,
            kind=unit.kind,
            suggested=unit is best,
            reason=reason[0 if zh else 1] if unit is best else None,
        )
        for unit in ordered
    ]


def unit_for(session: Session, region_code: str, unit_kind: str, department: str | None) -> Organisation | None:
    """The unit of a kind and trade in the district (or street) of a place."""
    home = regions.home(session, region_code)
    area = region_code[:9] if unit_kind == "street" else home.code if home else region_code[:6]
    return next((u for u in accounts.find_units(session, area_code=area, kind=unit_kind) if _has_trade(u, department)), None)


def route_of(session: Session, kind: Kind | None, class_code: str | None, edition: Edition) -> CaseRoute | None:
    """The route with the longest beginning of the code; a code of 2013 is looked up as what became of it."""
    if kind is None or class_code is None:
        return None
    if edition is Edition.GB30428_2013:
        class_code = standards.class_table(session).upgrade(kind, class_code).code_2026 or ""
    fitting = [r for r in rules.routes(session) if r.class_kind == kind and class_code.startswith(r.prefix)]
    return max(fitting, key=lambda r: len(r.prefix), default=None)


def _best(units: list[Organisation], route: CaseRoute | None, area: str) -> tuple[Organisation | None, tuple[str, str]]:
    if route is not None:
        for unit in units:
            if unit.kind == route.unit_kind and _has_trade(unit, route.department):
                return unit, (route.reason_zh, route.reason_en)
    district = next((u for u in units if u.kind == "district" and u.area_code == area), None)
    return district, _FALLBACK


def _has_trade(unit: Organisation, department: str | None) -> bool:
    """Whether the last part of a unit's key names the trade, as in `unit-500103-sanitation`."""
    return department is None or unit.key == department or unit.key.endswith(f"-{department}")

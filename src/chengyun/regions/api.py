"""Routes of the regions room: anyone signed in reads, `region.manage` corrects."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, ReadTx, SignedIn, Tx, permit
from chengyun.regions import repository, service
from chengyun.regions.schemas import Heir, Located, Named, RegionDetail, RegionOut, RegionPatch, ResponsibilityOut
from chengyun.regions.tree import Change, Division, DivisionTree
from chengyun.standards.codes import Level, code_range, parse_division

router = APIRouter(prefix="/regions")
Manager = Annotated[Actor, Depends(permit("region.manage"))]
AtQuery = Annotated[date | None, Query(description="Day to look at; today where none is named")]
GEOJSON = "application/geo+json"


def _named(d: Division | None) -> Named | None:
    return Named(code=d.code, name=d.name, name_en=d.name_en) if d else None


def _out(tree: DivisionTree, d: Division, at: date) -> RegionOut:
    above = tree.parent(d, at)
    return RegionOut(
        id=d.id,
        code=d.code,
        level=d.level,
        name=d.name,
        name_en=d.name_en,
        short_name=d.short_name,
        parent=_named(above),
        valid_from=d.valid_from,
        valid_to=d.valid_to,
        centroid=(d.lon, d.lat) if d.lon is not None and d.lat is not None else None,
        confirmed=d.confirmed,
        note=d.note,
    )


def _heirs(tree: DivisionTree, changes: list[Change], other: str) -> list[Heir]:
    found = [(c, tree.by_id(getattr(c, other))) for c in changes]
    return [
        Heir(id=d.id, code=d.code, name=d.name, on=c.on, share=c.share, main=c.main, source=c.source) for c, d in found if d is not None
    ]


def _detail(tree: DivisionTree, d: Division, at: date) -> RegionDetail:
    return RegionDetail(
        **_out(tree, d, at).model_dump(),
        successors=_heirs(tree, tree.successors(d), "to_id"),
        predecessors=_heirs(tree, tree.predecessors(d), "from_id"),
        also=[Named(code=o.code, name=o.name, name_en=o.name_en) for o in tree.rows(d.code) if o.id != d.id and o.name != d.name],
        ranges=tree.scope_ranges(d, at),
        children=len(tree.children(d, at)),
    )


@router.get("")
def list_regions(
    _actor: SignedIn,
    session: ReadTx,
    parent: Annotated[str | None, Query(max_length=15, description="Code of the division above")] = None,
    level: Annotated[Level | None, Query(description="2 districts, 3 streets, 4 communities")] = None,
    at: AtQuery = None,
) -> list[RegionOut]:
    """Divisions of a day, by code: the next level below a parent, or all of a level within it."""
    tree, day = service.tree(session), at or service.today()
    if parent is None:
        if level is Level.COMMUNITY:
            raise Problem("region.parent_needed", field="parent")
        found = tree.at_level(level or Level.DISTRICT, day)
    else:
        above = service.require(session, parent, day, "parent")
        if level is Level.COMMUNITY and above.level is Level.CITY:
            raise Problem("region.parent_needed", field="parent")
        found = tree.children(above, day, level)
    return [_out(tree, d, day) for d in sorted(found, key=lambda d: d.code)]


def _geojson(request: Request, tagged: tuple[str, bytes]) -> Response:
    tag, body = tagged
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=GEOJSON, headers=headers)


@router.get("/districts.geojson", response_class=Response, responses={200: {"content": {GEOJSON: {}}}})
def districts_geojson(_actor: SignedIn, session: ReadTx, request: Request) -> Response:
    """Outlines of today's districts, simplified for the web with common borders kept; with ETag."""
    return _geojson(request, service.districts_geojson(session))


@router.get("/locate")
def locate_point(
    _actor: SignedIn,
    session: ReadTx,
    lon: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)],
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False)],
) -> Located:
    """Unit grid, community, street and district that hold a point (CGCS2000 degrees)."""
    code = service.locate(session, lon, lat)
    tree, day = service.tree(session), service.today()
    parts: dict[str, Named | None] = {"grid": Named(code=code, name=code, name_en=code) if len(code) == 15 else None}
    for length, level in ((12, "community"), (9, "street")):
        d = tree.resolve(code[:length], day) if len(code) >= length else None
        parts[level] = _named(d)
    parts["district"] = _named(tree.home(code, day))
    return Located(**parts)


@router.get("/grids", response_class=Response, responses={200: {"content": {GEOJSON: {}}}})
def list_unit_grids(
    _actor: SignedIn, session: ReadTx, bbox: Annotated[str, Query(max_length=200, description="west,south,east,north")]
) -> Response:
    """Unit grids in force in a rectangle, as GeoJSON; sides of at most 0.2 degrees."""
    return Response(service.grids_geojson(session, bbox), media_type=GEOJSON)


@router.get("/responsibility-grids")
def list_responsibility_grids(
    actor: SignedIn,
    session: ReadTx,
    region: Annotated[str, Query(max_length=15, description="Code of a district, street or community")],
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> list[ResponsibilityOut]:
    """Patrol areas (责任网格) in a division."""
    rows = repository.responsibility_grids(session, *code_range(parse_division(region, "region").text), limit)
    areas = service.names(session, [g.code for g, _ in rows], actor.lang)
    return [
        ResponsibilityOut(
            id=g.id, code=g.code, area_name=areas[g.code], name=g.name, grids=size, valid_from=g.valid_from, valid_to=g.valid_to
        )
        for g, size in rows
    ]


@router.get("/{code}")
def show_region(_actor: SignedIn, session: ReadTx, code: str, at: AtQuery = None) -> RegionDetail:
    """What a code means on a day (today where none is named) or meant last before; with successors, predecessors, code ranges."""
    day = at or service.today()
    return _detail(service.tree(session), service.require(session, code, day), day)


@router.get("/{code}/children.geojson", response_class=Response, responses={200: {"content": {GEOJSON: {}}}})
def children_geojson(_actor: SignedIn, session: ReadTx, request: Request, code: str) -> Response:
    """Outlines of a district's streets or of a street's communities; `source` says whether they are real."""
    found = service.require(session, code)
    if found.level is Level.CITY:
        return _geojson(request, service.districts_geojson(session))
    if found.level is Level.COMMUNITY:
        raise Problem("region.code_level", field="code", region=code)
    return _geojson(request, service.children_geojson(session, found))


@router.patch("/{region_id}")
def correct_region(actor: Manager, session: Tx, region_id: UUID, body: RegionPatch) -> RegionDetail:
    """Correct a division, its code included; streets, scopes and outlines follow."""
    values = body.model_dump(exclude_unset=True, exclude_none=True)
    division = service.correct(session, actor, region_id, values)
    return _detail(service.tree(session), division, service.today())

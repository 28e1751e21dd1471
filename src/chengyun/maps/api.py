"""Routes of the maps room."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from chengyun.devices.schemas import NAME_KEY
from chengyun.kernel.http import Actor, ReadTx, permit
from chengyun.maps import service
from chengyun.maps.schemas import LayerFeatures, LayerOut

router = APIRouter(prefix="/map")
Reader = Annotated[Actor, Depends(permit("map.read"))]
GEOJSON = "application/geo+json"


@router.get("/layers", response_model_exclude_none=True)
def list_layers(_actor: Reader, session: ReadTx) -> list[LayerOut]:
    """Layers of the map that the packs in force bring."""
    return service.layers(session)


@router.get("/layers/{key}/features", response_class=Response, responses={200: {"model": LayerFeatures}})
def layer_features(
    actor: Reader,
    session: ReadTx,
    key: Annotated[str, Path(pattern=NAME_KEY)],
    bbox: Annotated[str, Query(max_length=200, description="west,south,east,north in degrees")],
    zoom: Annotated[float, Query(ge=0, le=24, description="Zoom of the map; decides how much is counted together")],
) -> Response:
    """What a layer shows in a part of the map, as GeoJSON: single things when near, else counts with their worst level."""
    return Response(service.features(session, key, bbox, zoom, actor.lang), media_type=GEOJSON)

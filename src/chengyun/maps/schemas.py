"""Shapes of the maps room: layers as packs declare them and as the web client reads them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from chengyun.devices.schemas import NAME_KEY
from chengyun.kernel.texts import Plain


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_serialization_defaults_required=True)


class LayerFilter(_Spec):
    """Which devices a layer shows; all of them where nothing is named."""

    model: str | None = Field(None, pattern=NAME_KEY, description="Only devices of this model")
    pack: str | None = Field(None, pattern=NAME_KEY, description="Only devices of this pack's models")


class LayerStyle(_Spec):
    """How a layer looks."""

    icon: str | None = Field(None, max_length=40, pattern=r"^[a-z0-9_-]+$", description="Name of a sign")
    letter: Annotated[str, Field(min_length=1, max_length=2), Plain] | None = Field(
        None, description="Character in the sign; the first one of the name where none is given"
    )
    colour: str | None = Field(None, pattern=r"^#[0-9a-fA-F]{6}$", description="Colour of the sign such as `#1f6feb`")
    min_zoom: int = Field(13, ge=0, le=22, description="From this zoom on points are shown singly; below they are counted together")


class LayerSpec(_Spec):
    """A layer of the map, as a pack declares it."""

    key: str = Field(pattern=NAME_KEY)
    name_zh: Annotated[str, Field(min_length=1, max_length=60), Plain]
    name_en: Annotated[str, Field(min_length=1, max_length=120), Plain]
    kind: Literal["point"] = Field("point", description="Geometry that it shows")
    source: Literal["devices"] = Field("devices", description="Where its things come from")
    filter: LayerFilter = Field(default_factory=LayerFilter, description="Which of them")
    style: LayerStyle = Field(default_factory=LayerStyle, description="How it looks")


class LayerOut(BaseModel):
    """A layer in force; parts of `filter` and `style` that are not set are left out."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    pack: str
    name_zh: str
    name_en: str
    kind: Literal["point"]
    source: str
    filter: dict[str, Any]
    style: LayerStyle


class PointGeometry(BaseModel):
    """A point, CGCS2000 degrees."""

    type: Literal["Point"]
    coordinates: tuple[float, float]


class LayerFeature(BaseModel):
    """One device (`id`, `key`, `name`, `connection`, `level`), or several counted together (`count`, `online`, `level`)."""

    type: Literal["Feature"]
    geometry: PointGeometry
    properties: dict[str, JsonValue]


class LayerFeatures(BaseModel):
    """What a layer shows in a part of the map; counts and single points add up to `total`."""

    type: Literal["FeatureCollection"]
    total: int = Field(description="Devices in the part of the map")
    by: Literal["district", "cell", "point"] = Field(description="How they are counted together; `point`: not at all")
    features: list[LayerFeature]

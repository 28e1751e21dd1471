"""Shapes of the packs room: the manifest of a pack, and what is told of packs and of errors in them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from chengyun.alarms.schemas import RuleSpec
from chengyun.cases.schemas import CasePolicySpec
from chengyun.devices.schemas import NAME_KEY, ModelSpec
from chengyun.kernel.texts import Paragraphs, Plain
from chengyun.maps.schemas import LayerSpec
from chengyun.packs.reader import MOST_BYTES, Document

LANGUAGES = ("zh-CN", "en")


Description = Annotated[str, Field(max_length=2000), Paragraphs]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_serialization_defaults_required=True)


class PackHead(_Spec):
    """What a pack is."""

    key: str = Field(pattern=NAME_KEY, description="Name for programs; stays the same for all versions")
    version: str = Field(
        pattern=r"^\d{1,6}(\.\d{1,6}){0,3}$", max_length=20, description="Of the author's counting, such as '1.2.0'; a text"
    )
    name_zh: Annotated[str, Field(min_length=1, max_length=60), Plain]
    name_en: Annotated[str, Field(min_length=1, max_length=120), Plain]
    description_zh: Description = Field("", description="What it is for, in a few sentences")
    description_en: Description = Field("", description="The same in English")


class RiskTypeSpec(_Spec):
    """A type of risk (风险类型) of the trade."""

    key: str = Field(pattern=NAME_KEY)
    name_zh: Annotated[str, Field(min_length=1, max_length=60), Plain]
    name_en: Annotated[str, Field(min_length=1, max_length=120), Plain]
    accident_types: list[Annotated[str, Field(min_length=1, max_length=40), Plain]] = Field(
        default_factory=list, max_length=20, description="What may happen, in the words of GB 6441 such as 中毒和窒息"
    )


class Manifest(_Spec):
    """An industry pack (行业包): all that a trade brings to the platform."""

    pack: PackHead
    models: list[ModelSpec] = Field(default_factory=list, max_length=100, description="Device models (物模型)")
    rules: list[RuleSpec] = Field(default_factory=list, max_length=500, description="Alarm rules")
    case_policies: list[CasePolicySpec] = Field(default_factory=list, max_length=500, description="Which alarms open which cases")
    risk_types: list[RiskTypeSpec] = Field(default_factory=list, max_length=100, description="Types of risk")
    layers: list[LayerSpec] = Field(default_factory=list, max_length=50, description="Layers of the map")

    _text: str = PrivateAttr("")
    _document: Document = PrivateAttr(default_factory=Document)

    @property
    def text(self) -> str:
        """The YAML that it was read from."""
        return self._text

    @property
    def document(self) -> Document:
        """Where in the YAML everything stands."""
        return self._document

    def remember(self, text: str, document: Document) -> None:
        """Keep what it was read from."""
        self._text, self._document = text, document


@dataclass(frozen=True)
class PackError:
    """One thing that is wrong in a manifest, with its place counted from 1."""

    line: int
    column: int
    path: str
    message_zh: str
    message_en: str

    def message(self, lang: str) -> str:
        """The sentence in a language."""
        return self.message_zh if lang.startswith("zh") else self.message_en


@dataclass(frozen=True)
class Applied:
    """What came of putting a pack into force."""

    key: str
    version: str
    revision: int
    changed: bool


@dataclass
class Report:
    """What is known of a text: the manifest, or what is wrong with it."""

    manifest: Manifest | None = None
    errors: list[PackError] = field(default_factory=list)


class PackOut(BaseModel):
    """A pack: one that is in force, or one that stands ready to be."""

    key: str
    version: str
    name: str
    name_zh: str
    name_en: str
    description: str
    in_force: bool
    revision: int | None = Field(description="Grows with each change; null for a pack that was never put into force")
    applied_at: datetime | None
    applied_by: str | None
    ready_version: str | None = Field(description="Version of the built-in pack, or of the one in the packs folder")
    models: int
    rules: int
    case_policies: int
    risk_types: int
    layers: int


class PackRevision(BaseModel):
    """A line of a pack's history."""

    model_config = ConfigDict(from_attributes=True)

    revision: int
    version: str
    in_force: bool
    checksum: str
    applied_at: datetime
    applied_by: str


class PackDetail(PackOut):
    """A pack with its source and what it declares."""

    text: str
    manifest: Manifest
    history: list[PackRevision]


class CheckIn(BaseModel):
    """A manifest to be checked."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=MOST_BYTES, description="YAML")


class ApplyIn(BaseModel):
    """A manifest to be put into force."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(None, max_length=MOST_BYTES, description="YAML; without it the built-in pack, or that of the packs folder")


class FindingOut(BaseModel):
    """One thing that is wrong in a manifest."""

    line: int = Field(description="From 1")
    column: int = Field(description="From 1")
    path: str = Field(description="Such as `rules[3].metric`")
    message: str = Field(description="In the caller's language")
    message_zh: str
    message_en: str


class CheckOut(BaseModel):
    """What a check found."""

    valid: bool
    key: str | None
    version: str | None
    errors: list[FindingOut]


class AppliedOut(BaseModel):
    """What came of putting a pack into force."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    version: str
    revision: int
    changed: bool = Field(description="False when it was in force already, to the last field")

"""Shapes of the accounts API. All text is stored as it comes and given back as it was; only control characters are refused."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from chengyun.kernel.texts import plain

Kind = Literal["city", "district", "street", "department", "safety_office", "member"]
Language = Literal["zh-CN", "en"]


def _telephone(value: str) -> str:
    if not all(c.isascii() and (c.isdigit() or c in "+- ()") for c in value) or sum(c.isdigit() for c in value) < 5:
        raise PydanticCustomError("telephone", "a phone number has digits, spaces, +, - and brackets, five digits at least")
    return value


Phone = Annotated[str, Field(max_length=30), AfterValidator(_telephone)]
Name = Annotated[str, Field(min_length=1, max_length=60)]
# Spaces around a password belong to it.
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=200)]
Code = Annotated[str, Field(min_length=6, max_length=15, pattern=r"^[0-9A-Z]+$")]
Codes = Annotated[list[Code], Field(max_length=50)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Permissions = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=100)]


class Body(BaseModel):
    """What a caller sends: unknown fields are refused, spaces around text are cut off."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _printable(cls, value: Any) -> Any:
        return plain(value) if isinstance(value, str) else value


class SignIn(Body):
    """User name and password."""

    username: Annotated[str, Field(min_length=1, max_length=100)]
    password: Password


class PasswordChange(Body):
    """One's present password and the new one."""

    current_password: Password
    new_password: Password


class MeUser(BaseModel):
    """The person who has signed in."""

    id: UUID
    username: str
    name: str
    posts: list[str]
    language: str
    must_change_password: bool = Field(description="Somebody else has set the password")


class MeOrganisation(BaseModel):
    """The unit of the person who has signed in."""

    id: UUID
    name: str
    name_en: str
    kind: str
    area_code: str
    area_name: str


class Me(BaseModel):
    """Who has signed in, and what this person may do and see."""

    user: MeUser
    organisation: MeOrganisation | None
    permissions: list[str]
    areas: list[str] = Field(description="Division codes that the person is in charge of")


class Unit(BaseModel):
    """A unit by name."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    key: str
    name: str
    name_en: str
    kind: str
    area_code: str


class OrganisationOut(Unit):
    """A unit in the tree."""

    parent_id: UUID | None
    active: bool
    changed_at: datetime


class OrganisationIn(Body):
    """A new unit."""

    key: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    name: Annotated[str, Field(min_length=1, max_length=80)]
    name_en: Annotated[str, Field(max_length=160)] = ""
    kind: Kind
    parent_id: UUID | None = None
    area_code: Code


class OrganisationPatch(Body):
    """What is to change of a unit."""

    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    name_en: Annotated[str, Field(max_length=160)] | None = None
    kind: Kind | None = None
    parent_id: UUID | None = None
    area_code: Code | None = None
    active: bool | None = None


class UserOut(BaseModel):
    """A user; the telephone number is shortened except for those who may see personal data."""

    id: UUID
    username: str
    name: str
    organisation: Unit | None
    region_code: str
    posts: list[str]
    area_codes: list[str] = Field(description="Own areas in place of the unit's; empty as a rule")
    phone: str | None
    language: str
    state: Literal["active", "disabled"]
    locked_until: datetime | None
    must_change_password: bool
    created_at: datetime
    changed_at: datetime
    last_login_at: datetime | None


class UserCreated(UserOut):
    """A new user, with the password if it was made up here: it is shown only now."""

    password: str | None


class UserIn(Body):
    """A new user; posts are granted afterwards by somebody else."""

    username: Annotated[str, Field(min_length=1, max_length=100)]
    name: Name
    organisation_id: UUID
    password: Annotated[Password | None, Field(description="Made up when not given")] = None
    phone: Phone | None = None
    language: Language = "zh-CN"


class UserPatch(Body):
    """What is to change of a user: `posts` and `area_codes` need `role.manage`, the rest `user.manage`."""

    name: Name | None = None
    organisation_id: UUID | None = None
    phone: Phone | None = None
    language: Language | None = None
    state: Literal["active", "disabled"] | None = None
    posts: Annotated[list[Key], Field(max_length=50)] | None = None
    area_codes: Codes | None = None


class PasswordIn(Body):
    """A password for somebody else."""

    password: Annotated[Password | None, Field(description="Made up when not given")] = None


class PasswordOut(BaseModel):
    """The password if it was made up here: it is shown only now."""

    password: str | None


class RoleOut(BaseModel):
    """A post or a role of the city's own."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    name: str
    name_en: str
    description: str
    permissions: list[str]
    built_in: bool
    changed_at: datetime


class RoleIn(Body):
    """A role of the city's own."""

    key: Key
    name: Annotated[str, Field(min_length=1, max_length=40)]
    name_en: Annotated[str, Field(max_length=80)] = ""
    description: Annotated[str, Field(max_length=400)] = ""
    permissions: Permissions


class RolePatch(Body):
    """What is to change of a role."""

    name: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    name_en: Annotated[str, Field(max_length=80)] | None = None
    description: Annotated[str, Field(max_length=400)] | None = None
    permissions: Permissions | None = None


class PermissionOut(BaseModel):
    """A permission in both languages."""

    key: str
    name: str
    name_en: str
    for_api_keys: bool


class KeyOut(BaseModel):
    """An API key, without the secret."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    hint: str = Field(description="First letters of the secret")
    permissions: list[str]
    area_codes: list[str]
    region_code: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyCreated(KeyOut):
    """A new key with its secret, which is shown only now."""

    secret: str


class KeyIn(Body):
    """A key for a program."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    permissions: Annotated[Permissions, Field(min_length=1)]
    area_codes: Annotated[Codes, Field(min_length=1)]
    expires_at: AwareDatetime | None = None


class AuditActor(BaseModel):
    """Who it was, by the name of that time."""

    name: str
    user_id: UUID | None
    username: str | None
    api_key_id: UUID | None
    org_id: UUID | None


class AuditOut(BaseModel):
    """A line of the audit log."""

    id: UUID
    time: datetime
    actor: AuditActor
    action: str
    object_type: str
    object_id: str
    detail: dict[str, Any]
    region_code: str
    ip: str
    request_id: str

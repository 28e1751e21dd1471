"""Routes of the accounts room: signing in, users, units, roles, API keys, the audit log."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime
from sqlalchemy.orm import Session

from chengyun.accounts.models import AuditLine, User
from chengyun.accounts.permissions import KEY_PERMISSIONS, PERMISSIONS
from chengyun.accounts.repository import access as access_rows
from chengyun.accounts.repository import keys as key_rows
from chengyun.accounts.repository import people as people_rows
from chengyun.accounts.repository import trail as trail_rows
from chengyun.accounts.repository import units as unit_rows
from chengyun.accounts.schemas import (
    AuditActor,
    AuditOut,
    KeyCreated,
    KeyIn,
    KeyOut,
    Kind,
    Me,
    MeOrganisation,
    MeUser,
    OrganisationIn,
    OrganisationOut,
    OrganisationPatch,
    PasswordChange,
    PasswordIn,
    PasswordOut,
    PermissionOut,
    RoleIn,
    RoleOut,
    RolePatch,
    SignIn,
    Unit,
    UserCreated,
    UserIn,
    UserOut,
    UserPatch,
)
from chengyun.accounts.service import access, keys, people, roles, units
from chengyun.kernel import clock
from chengyun.kernel.http import Actor, ReadTx, SignedIn, Tx, permit
from chengyun.kernel.paging import Cursor, Limit, Page, page_of
from chengyun.kernel.settings import get_settings
from chengyun.kernel.texts import plain

router = APIRouter()
PeopleReader = Annotated[Actor, Depends(permit("user.manage", "role.manage", "personal.read"))]
PeopleChanger = Annotated[Actor, Depends(permit("user.manage", "role.manage"))]
PeopleManager = Annotated[Actor, Depends(permit("user.manage"))]
UnitManager = Annotated[Actor, Depends(permit("org.manage"))]
Grantor = Annotated[Actor, Depends(permit("role.manage"))]
KeyManager = Annotated[Actor, Depends(permit("apikey.manage"))]
Auditor = Annotated[Actor, Depends(permit("audit.read"))]
Words = Annotated[str | None, Query(max_length=60), AfterValidator(lambda v: plain(v) if v else v)]
Exact = Annotated[str | None, Query(max_length=200), AfterValidator(lambda v: plain(v) if v else v)]


def _me(user_id: UUID | None, lang: str) -> Me:
    person, area_name = access.myself(user_id, lang)
    user, unit = person.user, person.organisation
    return Me(
        user=MeUser(
            id=user.id,
            username=user.username,
            name=user.name,
            posts=list(person.posts),
            language=user.language,
            must_change_password=user.must_change_password,
        ),
        organisation=MeOrganisation(
            id=unit.id,
            name=unit.name,
            name_en=unit.name_en,
            kind=unit.kind,
            area_code=unit.area_code,
            area_name=area_name,
        ),
        permissions=sorted(person.permissions),
        areas=list(person.area_codes),
    )


@router.post("/session")
def sign_in(request: Request, response: Response, body: SignIn) -> Me:
    """Sign in with user name and password; sets the cookies `cy_session` (not for scripts) and `cy_csrf`."""
    login = access.sign_in(body.username, body.password, access.address(request), request.cookies.get(access.SESSION_COOKIE))
    secure = get_settings().secure_cookies
    for name, value, hidden in ((access.SESSION_COOKIE, login.token, True), (access.CSRF_COOKIE, login.csrf, False)):
        response.set_cookie(name, value, max_age=login.seconds, path="/", httponly=hidden, secure=secure, samesite="strict")
    return _me(login.person.user.id, access.language_of(request, login.person.user.language))


@router.get("/session")
def show_session(actor: SignedIn) -> Me:
    """Who has signed in, and what this person may do and see."""
    return _me(actor.user_id, actor.lang)


@router.delete("/session", status_code=204)
def sign_out(request: Request, response: Response) -> None:
    """Sign out; also when the log-in has ended already."""
    access.sign_out(request.cookies.get(access.SESSION_COOKIE), access.address(request))
    secure = get_settings().secure_cookies
    response.delete_cookie(access.SESSION_COOKIE, path="/", httponly=True, secure=secure, samesite="strict")
    response.delete_cookie(access.CSRF_COOKIE, path="/", secure=secure, samesite="strict")


@router.post("/session/password", status_code=204)
def change_password(actor: SignedIn, body: PasswordChange) -> None:
    """Give oneself a new password; one's log-ins elsewhere end."""
    access.change_own_password(actor, body.current_password, body.new_password)


def _shown(session: Session, users: list[User], clear_phone: bool = False) -> list[dict[str, Any]]:
    """Users with unit, posts and lock, in three queries however many there are."""
    held = people_rows.posts(session, [u.id for u in users])
    locked = access_rows.locks(session, [u.username for u in users], clock.now())
    found = unit_rows.by_ids(session, {u.org_id for u in users})
    return [
        {
            **{c: getattr(u, c) for c in ("id", "username", "name", "region_code", "area_codes", "language", "state")},
            **{c: getattr(u, c) for c in ("must_change_password", "created_at", "changed_at", "last_login_at")},
            "organisation": Unit.model_validate(found[u.org_id]),
            "posts": held[u.id],
            "locked_until": locked.get(u.username),
            "phone": u.phone if clear_phone else _shortened(u.phone),
        }
        for u in users
    ]


def _shortened(phone: str | None) -> str | None:
    """The last two digits, to tell numbers apart without giving them away."""
    return "*" * max(3, len(phone) - 2) + phone[-2:] if phone else None


@router.get("/users")
def list_users(
    _actor: PeopleReader,
    session: ReadTx,
    q: Words = None,
    organisation_id: UUID | None = None,
    post: Annotated[str | None, Query(max_length=40)] = None,
    state: Literal["active", "disabled", "locked"] | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[UserOut]:
    """Users of your area by user name, telephone numbers shortened; `q` looks into user name and name."""
    filters = {"q": q.strip() if q else None, "organisation_id": organisation_id, "post": post, "state": state}
    rows, following = page_of(people_rows.find(session, filters, clock.now(), cursor, limit), limit, ["username"])
    return Page[UserOut](items=[UserOut(**u) for u in _shown(session, rows)], next=following, estimated_total=None)


@router.post("/users", status_code=201)
def add_user(actor: PeopleManager, session: Tx, body: UserIn) -> UserCreated:
    """Make a user. It holds no post until the security administrator grants one; the password must be changed."""
    user, password = people.add(session, actor, body.model_dump())
    return UserCreated(**_shown(session, [user])[0], password=password)


@router.get("/users/{user_id}")
def show_user(actor: PeopleReader, session: Tx, user_id: UUID) -> UserOut:
    """A user; with `personal.read` the telephone number in full, and the look at it is recorded."""
    return UserOut(**_shown(session, [people.look(session, actor, user_id)], actor.can("personal.read"))[0])


@router.patch("/users/{user_id}")
def change_user(actor: PeopleChanger, session: Tx, user_id: UUID, body: UserPatch) -> UserOut:
    """Change a user. Who moves to another unit loses posts and own areas; who is disabled is signed out."""
    values = {k: v for k, v in body.model_dump(exclude_unset=True).items() if v is not None or k == "phone"}
    return UserOut(**_shown(session, [people.change(session, actor, user_id, values)])[0])


@router.post("/users/{user_id}/password")
def set_password(actor: PeopleChanger, session: Tx, user_id: UUID, body: PasswordIn) -> PasswordOut:
    """Give somebody a password, to be changed at the next log-in; not for accounts that administer what you do not."""
    _user, password = people.set_password(session, actor, user_id, body.password)
    return PasswordOut(password=password)


@router.post("/users/{user_id}/unlock")
def unlock_user(actor: Grantor, session: Tx, user_id: UUID) -> UserOut:
    """Lift the lock after wrong passwords."""
    return UserOut(**_shown(session, [people.unlock(session, actor, user_id)])[0])


@router.get("/organisations")
def list_organisations(
    _actor: SignedIn,
    session: ReadTx,
    kind: Kind | None = None,
    area_code: Annotated[str | None, Query(max_length=15)] = None,
    parent_id: UUID | None = None,
    q: Words = None,
    dissolved: bool = False,
) -> list[OrganisationOut]:
    """All units as a flat list, by area; `parent_id` makes the tree."""
    found = unit_rows.find(session, kind, area_code, q.strip() if q else None, parent_id, dissolved=dissolved)
    return [OrganisationOut.model_validate(o) for o in found]


@router.post("/organisations", status_code=201)
def add_organisation(actor: UnitManager, session: Tx, body: OrganisationIn) -> OrganisationOut:
    """Make a unit in your area."""
    return OrganisationOut.model_validate(units.add(session, actor, body.model_dump()))


@router.patch("/organisations/{org_id}")
def change_organisation(actor: UnitManager, session: Tx, org_id: UUID, body: OrganisationPatch) -> OrganisationOut:
    """Change a unit, or dissolve one that is empty; its people follow its area."""
    values = {k: v for k, v in body.model_dump(exclude_unset=True).items() if v is not None or k == "parent_id"}
    return OrganisationOut.model_validate(units.change(session, actor, org_id, values))


@router.get("/roles")
def list_roles(_actor: PeopleReader, session: ReadTx) -> list[RoleOut]:
    """Built-in posts and the city's own roles, with their permissions."""
    return [RoleOut.model_validate(r) for r in unit_rows.roles(session)]


@router.get("/roles/permissions")
def list_permissions(_actor: SignedIn) -> list[PermissionOut]:
    """All permissions that there are, in both languages."""
    return [PermissionOut(key=k, name=zh, name_en=en, for_api_keys=k in KEY_PERMISSIONS) for k, (zh, en) in PERMISSIONS.items()]


@router.post("/roles", status_code=201)
def add_role(actor: Grantor, session: Tx, body: RoleIn) -> RoleOut:
    """Make a role of the city's own; it cannot join two of the three duties of administration."""
    return RoleOut.model_validate(roles.add(session, actor, body.model_dump()))


@router.patch("/roles/{key}")
def change_role(actor: Grantor, session: Tx, key: str, body: RolePatch) -> RoleOut:
    """Change a role of the city's own that you do not hold yourself."""
    values = body.model_dump(exclude_unset=True, exclude_none=True)
    return RoleOut.model_validate(roles.change(session, actor, key[:40], values))


@router.get("/api-keys")
def list_keys(_actor: KeyManager, session: ReadTx, cursor: Cursor = None, limit: Limit = 50) -> Page[KeyOut]:
    """Keys of your area, the newest first, those revoked too."""
    rows, following = page_of(key_rows.find(session, cursor, limit), limit, ["id"])
    return Page[KeyOut](items=[KeyOut.model_validate(k) for k in rows], next=following, estimated_total=None)


@router.post("/api-keys", status_code=201)
def add_key(actor: KeyManager, session: Tx, body: KeyIn) -> KeyCreated:
    """Make a key for a program; the secret is shown only now."""
    key_id, secret = keys.create_api_key(session, actor, **body.model_dump())
    row = key_rows.lock(session, key_id)
    return KeyCreated(**KeyOut.model_validate(row).model_dump(), secret=secret)


@router.delete("/api-keys/{key_id}", status_code=204)
def revoke_key(actor: KeyManager, session: Tx, key_id: UUID) -> None:
    """Take a key out of force at once."""
    keys.revoke(session, actor, key_id)


def _line(row: AuditLine, usernames: dict[UUID, str]) -> AuditOut:
    actor = AuditActor(
        name=row.actor_name,
        user_id=row.user_id,
        username=usernames.get(row.user_id) if row.user_id else None,
        api_key_id=row.api_key_id,
        org_id=row.org_id,
    )
    same = ("id", "time", "action", "object_type", "object_id", "detail", "region_code", "ip", "request_id")
    return AuditOut(actor=actor, **{name: getattr(row, name) for name in same})


@router.get("/audit")
def list_audit(
    _actor: Auditor,
    session: ReadTx,
    actor: Annotated[Exact, Query(description="User name, name, or identity of a user or key")] = None,
    action: Exact = None,
    object_type: Exact = None,
    object_id: Exact = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AuditOut]:
    """What was done and looked at in your area, the newest first."""
    filters = {"actor": actor, "action": action, "object_type": object_type, "object_id": object_id, "since": since, "until": until}
    rows, following = page_of(trail_rows.find(session, filters, cursor, limit), limit, ["time", "id"])
    names = trail_rows.usernames(session, {r.user_id for r in rows if r.user_id})
    return Page[AuditOut](items=[_line(r, names) for r in rows], next=following, estimated_total=None)

"""Organisations and people of the demo city: the bureau, districts and their units, streets, and the safety office with its members."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.accounts.service import NewUnit
from chengyun.kernel.security import hash_password
from chengyun.regions.tree import Division, DivisionTree
from chengyun.standards.codes import Level

# The 22 trades that sit in the safety office («1+22+X»); a city puts its own bodies in their place.
MEMBERS = (
    ("应急管理局", "Emergency Management"), ("公安局", "Public Security"), ("消防救援总队", "Fire and Rescue"),
    ("住房城乡建设委", "Housing and Construction"), ("规划自然资源局", "Planning and Natural Resources"),
    ("交通运输委", "Transport"), ("水利局", "Water Resources"), ("生态环境局", "Ecology and Environment"),
    ("卫生健康委", "Health"), ("市场监管局", "Market Regulation"), ("经济信息委", "Economy and Information"),
    ("商务委", "Commerce"), ("文化旅游委", "Culture and Tourism"), ("教育委", "Education"), ("民政局", "Civil Affairs"),
    ("林业局", "Forestry"), ("气象局", "Meteorology"), ("能源局", "Energy"), ("通信管理局", "Communications"),
    ("轨道交通集团", "Rail Transit Group"), ("水务集团", "Water Group"), ("燃气集团", "Gas Group"),
)  # fmt: skip
# Units of each district that cases are dispatched to: key, name, English name.
UNITS = (
    ("facilities", "市政设施管理所", "Municipal Facilities"),
    ("sanitation", "环境卫生管理所", "Sanitation"),
    ("greening", "园林绿化管理所", "Landscaping"),
    ("enforcement", "城市管理执法支队", "Law Enforcement"),
    ("construction", "建设工程监管站", "Construction Supervision"),
)
# User name, name, posts, organisation's key: who a visitor may sign in as.
VISITORS = (
    ("zhiban", "陈立新", ("duty_chief",), "city"),
    ("shouli", "李敏", ("acceptor",), "city"),
    ("paiqian", "王海", ("dispatcher",), "city"),
    ("chuzhi", "周强", ("handler",), "district-500103"),
    ("jiandu", "刘芳", ("supervisor",), "district-500103"),
    ("yuzhong", "黄颖", ("acceptor", "dispatcher", "duty_chief"), "district-500103"),
    ("ducha", "孙涛", ("inspector",), "city"),
    ("fengxian", "吴静", ("risk_manager",), "safety-office"),
    ("wulian", "郑凯", ("iot_engineer",), "city"),
    ("lingdao", "赵明", ("leader",), "city"),
    ("xitong", "系统管理员", ("system_admin",), "city"),
    ("anquan", "安全管理员", ("security_admin",), "city"),
    ("shenji", "审计管理员", ("audit_admin",), "city"),
)


@dataclass
class Staff:
    """Who acts in the simulation: user names by district and by unit."""

    supervisors: dict[str, str] = field(default_factory=dict)
    handlers: dict[str, str] = field(default_factory=dict)
    units: dict[tuple[str, str], UUID] = field(default_factory=dict)


def load(session: Session, tree: DivisionTree, today: date, city_code: str, password: str) -> Staff:
    """Make organisations and users that are not there yet."""
    rows = [
        NewUnit("city", "市城市管理局", "City Administration Bureau", "city", None, city_code),
        NewUnit("safety-office", "城市运行安全办公室", "City Operation Safety Office", "safety_office", "city", city_code),
    ]
    for number, (name, name_en) in enumerate(MEMBERS, 1):
        called = name if name.endswith("集团") else f"市{name}"
        rows.append(NewUnit(f"member-{number:02d}", called, name_en, "member", "safety-office", city_code))
    for district in tree.districts(today):
        rows += _of_district(tree, today, district)
    made = accounts.ensure_organisations(session, rows)
    staff = Staff()
    for district in tree.districts(today):
        for unit, _, _ in UNITS:
            staff.units[district.code, unit] = made[f"unit-{district.code}-{unit}"]

    # All share the password that the demo prints, so they may share its hash: hashing is slow on purpose.
    hashed = hash_password(password)

    def ensure(username: str, name: str, org_id: UUID, posts: Sequence[str]) -> None:
        accounts.ensure_user(session, username=username, password=password, name=name, org_id=org_id, posts=posts, password_hash=hashed)

    for username, name, posts, organisation in VISITORS:
        ensure(username, name, made[organisation], posts)
    _crews(ensure, tree, today, staff, made)
    return staff


def _of_district(tree: DivisionTree, today: date, district: Division) -> Iterator[NewUnit]:
    """A district's bureau, its units and its streets."""
    code, name, name_en = district.code, district.short_name, district.name_en
    bureau = f"district-{code}"
    yield NewUnit(bureau, f"{name}城市管理局", f"{name_en} Administration", "district", "city", code)
    for unit, unit_name, unit_en in UNITS:
        yield NewUnit(f"unit-{code}-{unit}", f"{name}{unit_name}", f"{name_en} {unit_en}", "department", bureau, code)
    for street in tree.children(district, today, Level.STREET):
        yield NewUnit(f"street-{street.code}", street.name, street.name_en, "street", bureau, street.code)


def _crews(
    ensure: Callable[[str, str, UUID, Sequence[str]], None], tree: DivisionTree, today: date, staff: Staff, made: dict[str, UUID]
) -> None:
    """One supervisor and one crew leader for each district; in 渝中区 they are the visitors' own."""
    for district in tree.districts(today):
        supervisor, handler = f"jiandu-{district.code}", f"chuzhi-{district.code}"
        if district.code == "500103":
            supervisor, handler = "jiandu", "chuzhi"
        bureau = made[f"district-{district.code}"]
        for username, name, post in ((supervisor, "监督员", "supervisor"), (handler, "处置员", "handler")):
            called = f"{district.short_name}{name}"
            ensure(username, called, bureau, (post,))
        staff.supervisors[district.code] = supervisor
        for unit, _, _ in UNITS:
            staff.handlers[str(staff.units[district.code, unit])] = handler

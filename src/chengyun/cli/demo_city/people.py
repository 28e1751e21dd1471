"""Organisations and people of the demo city: the bureau, districts and their units, streets, and the safety office with its members."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.regions.tree import DivisionTree
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
    staff = Staff()
    accounts.ensure_organisation(
        session, key="city", name="市城市管理局", name_en="City Administration Bureau", kind="city", parent_key=None, area_code=city_code
    )
    accounts.ensure_organisation(
        session, key="safety-office", name="城市运行安全办公室", name_en="City Operation Safety Office", kind="safety_office",
        parent_key="city", area_code=city_code,
    )  # fmt: skip
    for number, (name, name_en) in enumerate(MEMBERS, 1):
        accounts.ensure_organisation(
            session, key=f"member-{number:02d}", name=f"市{name}" if not name.endswith("集团") else name, name_en=name_en, kind="member",
            parent_key="safety-office", area_code=city_code,
        )  # fmt: skip
    for district in tree.districts(today):
        _district(session, tree, today, district.code, district.short_name, district.name_en, staff)
    for username, name, posts, organisation in VISITORS:
        _user(session, username, name, posts, organisation, password)
    _crews(session, tree, today, staff, password)
    return staff


def _district(session: Session, tree: DivisionTree, today: date, code: str, name: str, name_en: str, staff: Staff) -> None:
    accounts.ensure_organisation(
        session, key=f"district-{code}", name=f"{name}城市管理局", name_en=f"{name_en} Administration", kind="district",
        parent_key="city", area_code=code,
    )  # fmt: skip
    for unit, unit_name, unit_en in UNITS:
        staff.units[code, unit] = accounts.ensure_organisation(
            session, key=f"unit-{code}-{unit}", name=f"{name}{unit_name}", name_en=f"{name_en} {unit_en}", kind="department",
            parent_key=f"district-{code}", area_code=code,
        )  # fmt: skip
    division = tree.find(code, today)
    for street in tree.children(division, today, Level.STREET) if division else ():
        accounts.ensure_organisation(
            session, key=f"street-{street.code}", name=street.name, name_en=street.name_en, kind="street",
            parent_key=f"district-{code}", area_code=street.code,
        )  # fmt: skip


def _crews(session: Session, tree: DivisionTree, today: date, staff: Staff, password: str) -> None:
    """One supervisor and one crew leader for each district; in 渝中区 they are the visitors' own."""
    for district in tree.districts(today):
        supervisor, handler = f"jiandu-{district.code}", f"chuzhi-{district.code}"
        if district.code == "500103":
            supervisor, handler = "jiandu", "chuzhi"
        else:
            _user(session, supervisor, f"{district.short_name}监督员", ("supervisor",), f"district-{district.code}", password)
            _user(session, handler, f"{district.short_name}处置员", ("handler",), f"district-{district.code}", password)
        staff.supervisors[district.code] = supervisor
        for unit, _, _ in UNITS:
            staff.handlers[str(staff.units[district.code, unit])] = handler


def _user(session: Session, username: str, name: str, posts: tuple[str, ...], organisation: str, password: str) -> None:
    found = accounts.organisation_by_key(session, organisation)
    if found is None:
        raise LookupError(organisation)
    accounts.ensure_user(session, username=username, password=password, name=name, org_id=found.id, posts=posts)

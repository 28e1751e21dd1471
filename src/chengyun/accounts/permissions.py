"""What can be permitted, and the built-in posts (岗位) with their permissions. docs/accounts.md explains each.

Administration is in three hands (三员分立): one makes accounts and units, another one grants, a third one looks at what both did.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# Key, Chinese and English.
PERMISSIONS: dict[str, tuple[str, str]] = {
    "case.read": ("查看案件", "See cases"),
    "case.report": ("上报案件", "Report cases"),
    "case.accept": ("受理案件", "Accept or reject reports"),
    "case.file": ("立案、不予立案", "File or refuse cases"),
    "case.dispatch": ("派遣案件", "Dispatch cases to units"),
    "case.sign": ("签收案件", "Sign for dispatched cases"),
    "case.handle": ("处置并反馈", "Handle cases and report back"),
    "case.check": ("核查处置结果", "Check what was done"),
    "case.close": ("结案", "Close cases"),
    "case.supervise": ("督办、作废案件", "Supervise and void cases"),
    "alarm.read": ("查看告警", "See alarms"),
    "alarm.acknowledge": ("确认告警", "Acknowledge alarms"),
    "alarm.close": ("关闭告警", "Close alarms"),
    "alarm.open_case": ("告警转案件", "Open a case from an alarm"),
    "device.read": ("查看设备", "See devices"),
    "device.manage": ("登记、修改设备", "Register and change devices"),
    "device.command": ("下发设备指令", "Send commands to devices"),
    "device.credential": ("管理设备密钥", "Make and revoke devices' secrets"),
    "telemetry.write": ("上传读数", "Send readings"),
    "deadletter.read": ("查看无法处理的读数", "See readings that could not be used"),
    "map.read": ("查看地图图层", "See map layers"),
    "pack.read": ("查看行业包", "See industry packs"),
    "pack.apply": ("启用行业包", "Put industry packs into force"),
    "standard.manage": ("维护类别与工作日历", "Maintain classes and the working calendar"),
    "region.manage": ("维护行政区划", "Maintain divisions"),
    "user.manage": ("管理用户", "Make, change and disable users"),
    "org.manage": ("管理组织机构", "Make and change units"),
    "role.manage": ("授予岗位、管理角色、解锁", "Grant posts, make roles, unlock"),
    "apikey.manage": ("管理接口密钥", "Make and revoke API keys"),
    "audit.read": ("查看审计日志", "Read the audit log"),
    "personal.read": ("查看个人信息", "See personal data such as phone numbers"),
}

_READ = ("case.read", "alarm.read", "device.read", "map.read", "pack.read")


@dataclass(frozen=True)
class Post:
    """A built-in post."""

    key: str
    name: str
    name_en: str
    permissions: tuple[str, ...]


POSTS: tuple[Post, ...] = (
    Post("supervisor", "监督员", "Supervisor (patrol)", ("case.read", "case.report", "case.check", "map.read")),
    Post("acceptor", "受理员", "Acceptor", (*_READ, "case.report", "case.accept", "alarm.acknowledge", "alarm.open_case")),
    Post(
        "duty_chief",
        "值班长",
        "Duty chief",
        (
            *_READ,
            *("case.report", "case.accept", "case.file", "case.close", "case.supervise"),
            *("alarm.acknowledge", "alarm.close", "alarm.open_case", "device.command"),
        ),
    ),
    Post("dispatcher", "派遣员", "Dispatcher", (*_READ, "case.dispatch", "alarm.acknowledge")),
    Post("handler", "处置部门", "Handling unit", ("case.read", "case.sign", "case.handle", "alarm.read", "device.read", "map.read")),
    Post("inspector", "督查", "Inspector", (*_READ, "case.report", "case.check", "case.supervise")),
    Post("risk_manager", "风险管理员", "Risk manager", (*_READ, "alarm.acknowledge", "alarm.close", "alarm.open_case")),
    Post(
        "iot_engineer",
        "物联工程师",
        "IoT engineer",
        (
            *("device.read", "device.manage", "device.command", "device.credential", "telemetry.write", "deadletter.read"),
            *("alarm.read", "alarm.acknowledge", "map.read", "pack.read"),
        ),
    ),
    Post("leader", "领导", "Leader", (*_READ, "case.supervise")),
    Post(
        "system_admin",
        "系统管理员",
        "System administrator",
        ("user.manage", "org.manage", "standard.manage", "region.manage", "pack.read", "pack.apply"),
    ),
    Post("security_admin", "安全管理员", "Security administrator", ("role.manage", "apikey.manage", "personal.read")),
    Post("audit_admin", "审计管理员", "Audit administrator", ("audit.read",)),
)

# The three duties that no two of may come into one hand.
DUTIES: dict[str, frozenset[str]] = {
    "system": frozenset({"user.manage", "org.manage"}),
    "security": frozenset({"role.manage", "apikey.manage"}),
    "audit": frozenset({"audit.read"}),
}
ADMINISTRATION = frozenset().union(*DUTIES.values())
# A program's key never administers: otherwise whoever makes keys could give himself any right by way of one.
KEY_PERMISSIONS = tuple(p for p in PERMISSIONS if p not in ADMINISTRATION and p != "personal.read")


def duties(permissions: Iterable[str]) -> frozenset[str]:
    """Which of the three duties of administration some permissions touch."""
    held = set(permissions)
    return frozenset(duty for duty, needed in DUTIES.items() if held & needed)

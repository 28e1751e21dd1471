"""What patrols see and citizens complain about: classes of GB/T 47678.5-2026 with words and a picture."""

import random
from dataclasses import dataclass

from chengyun.sim.plan import Child


@dataclass(frozen=True)
class Theme:
    """One kind of report: its class, how often it comes, words, and what the picture shows."""

    kind: str
    code: str
    weight: float
    picture: str
    words: tuple[str, ...]
    done: str


THEMES = (
    Theme(
        "matter",
        "06010",
        16,
        "litter",
        ("人行道旁散落生活垃圾,约 {n} 袋", "果皮箱外有暴露垃圾,有异味", "绿化带边堆放袋装垃圾 {n} 袋"),
        "已清运",
    ),
    Theme("matter", "06012", 12, "litter", ("路面有油污和泥渍,约 {n} 平方米", "路口有落叶和杂物未清扫"), "已清扫冲洗"),
    Theme("matter", "06042", 7, "station", ("垃圾箱满溢,垃圾落地", "分类投放点满溢 {n} 个桶"), "已清运并清洁周边"),
    Theme("matter", "06036", 6, "litter", ("楼道口乱堆杂物,影响通行", "背街堆放旧家具 {n} 件"), "已清理"),
    Theme("matter", "07001", 9, "advert", ("围墙上张贴非法小广告 {n} 处", "公交站牌被喷涂小广告"), "已清除"),
    Theme("matter", "09005", 11, "stall", ("商铺将货品摆出店外约 {n} 平方米", "餐饮店店外摆放桌椅 {n} 套"), "已劝离,恢复通行"),
    Theme("matter", "09006", 8, "stall", ("流动摊点占道经营 {n} 处", "占道售卖水果,人行道受阻"), "已劝导入市经营"),
    Theme("matter", "09009", 8, "cars", ("机动车停放在人行道上 {n} 辆", "消防通道旁违停车辆"), "已移走"),
    Theme("matter", "06013", 6, "road", ("路面破损,长约 {n} 分米", "沥青路面坑槽,有积水"), "已修补"),
    Theme("matter", "06017", 4, "green", ("绿地内有枯枝和垃圾", "行道树树池裸露,有杂物 {n} 处"), "已清理补植"),
    Theme("component", "01002", 5, "cover", ("污水井盖移位,存在安全隐患", "污水井盖破损,缺口约 {n} 厘米"), "已更换井盖"),
    Theme("component", "01003", 3, "cover", ("雨水井盖松动,车过有响声",), "已固定"),
    Theme("component", "01037", 4, "road", ("路灯不亮,连续 {n} 盏",), "已修复亮灯"),
    Theme("component", "02017", 2, "road", ("交通护栏损坏约 {n} 米",), "已更换护栏"),
)
ALARM_THEME = Theme("component", "01018", 1, "tank", ("",), "已开盖通风、清掏并复测,气体浓度恢复正常")
STATION_THEME = Theme("matter", "06042", 1, "station", ("",), "已清运,箱体清洗完毕")


def pick(rng: random.Random) -> Theme:
    """A theme, the frequent ones more often."""
    return rng.choices(THEMES, [theme.weight for theme in THEMES])[0]


def theme_of(code: str, source: str) -> Theme:
    """The theme of a case, for the picture of its end."""
    if source == "alarm":
        return STATION_THEME if code == STATION_THEME.code else ALARM_THEME
    return next((theme for theme in THEMES if theme.code == code), THEMES[0])


def describe(theme: Theme, rng: random.Random) -> str:
    """The reporter's words."""
    return rng.choice(theme.words).format(n=rng.randint(2, 9))


def near(child: Child, rng: random.Random) -> tuple[float, float]:
    """A place within some 60 metres of a known one."""
    return round(child.lon + rng.uniform(-6e-4, 6e-4), 6), round(child.lat + rng.uniform(-5e-4, 5e-4), 6)

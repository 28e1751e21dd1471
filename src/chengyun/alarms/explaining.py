"""A rule and an alarm in words."""

from chengyun.alarms.schemas import RuleSpec

_COLOURS = {1: ("红色", "red"), 2: ("橙色", "orange"), 3: ("黄色", "yellow"), 4: ("蓝色", "blue")}


def number(value: float | None) -> str:
    """A figure without needless digits."""
    return "–" if value is None else f"{value:.6g}"


def explain(spec: RuleSpec, level: int, metric: str, unit: str, value: float | None, lang: str) -> str:
    """Why the alarm has its level: what was measured, what the rule says, how long it had to last."""
    chinese = lang.startswith("zh")
    colour = _COLOURS[level][0 if chinese else 1]
    condition = _condition(spec, level, metric, unit, chinese=chinese)
    hold = ""
    if spec.hold_seconds:
        hold = f",持续 {number(spec.hold_seconds)} 秒" if chinese else f" for {number(spec.hold_seconds)} s"
    back = _back(spec, unit, chinese=chinese)
    seen = f"{number(value)} {unit}".strip()
    article = "an" if colour == "orange" else "a"
    if chinese:
        return f"{condition}{hold},即为{colour}告警;本次为 {seen}。{back}"
    return f"{condition}{hold}: {article} {colour} alarm. It was {seen}. {back}".strip()


def _condition(spec: RuleSpec, level: int, metric: str, unit: str, *, chinese: bool) -> str:
    chosen = next((entry for entry in spec.levels if entry.level == level), spec.levels[-1])
    limit = f"{number(chosen.threshold)} {unit}".strip()
    if spec.kind == "outside":
        span = f"{number(chosen.low)}–{number(chosen.high)} {unit}".strip()
        return f"{metric}超出 {span}" if chinese else f"{metric} outside {span}"
    if spec.kind == "no_data":
        return f"设备 {number(chosen.threshold)} 秒无数据" if chinese else f"No data for {number(chosen.threshold)} s"
    if spec.kind == "rate":
        rises = (chosen.threshold or 0) > 0
        window = number(spec.window_seconds)
        if chinese:
            return f"{metric}在 {window} 秒内每分钟{'上升' if rises else '下降'}达到 {limit}"
        return f"{metric} {'rises' if rises else 'falls'} by {limit} within {window} s"
    if spec.kind == "below":
        return f"{metric}低于 {limit}" if chinese else f"{metric} below {limit}"
    return f"{metric}达到或超过 {limit}" if chinese else f"{metric} at or above {limit}"


def _back(spec: RuleSpec, unit: str, *, chinese: bool) -> str:
    if not spec.hysteresis and not spec.clear_hold_seconds:
        return ""
    h = f"{number(spec.hysteresis)} {unit}".strip()
    hold = number(spec.clear_hold_seconds)
    if chinese:
        return f"回落超过 {h}" + (f"并持续 {hold} 秒" if spec.clear_hold_seconds else "") + "后恢复。"
    return f"It ends once the value is back by {h}" + (f" for {hold} s." if spec.clear_hold_seconds else ".")

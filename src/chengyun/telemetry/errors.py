"""Sentences for what can be wrong with a message, a reading or a question about readings.

The reasons of refused readings are read by the engineer who looks after the device: they say what came and what to change.
"""

from chengyun.kernel.errors import register

REASONS = {
    "message.json": (
        400,
        "报文不是有效的 JSON:{error}",
        "The message is not valid JSON: {error}",
    ),
    "message.shape": (
        422,
        '报文应为 {{"values": {{…}}}} 对象、此类对象的数组或 SenML,第 {index} 项不是',
        "A message is an object with “values”, an array of such objects, or SenML; item {index} is not",
    ),
    "message.empty": (422, "报文中没有读数", "The message holds no readings"),
    "message.more": (
        422,
        "同一报文中还有 {count} 处不符合要求,未逐一列出",
        "The same message has {count} more faults that are not listed singly",
    ),
    "device.missing": (422, "缺少 device(设备标识)", "“device” (the key of the device) is missing"),
    "device.stranger": (
        422,
        "没有设备 {device},或不在您的管辖范围内",
        "There is no device {device}, or it lies outside your area",
    ),
    "device.not_child": (
        403,
        "设备 {device} 不是网关 {gateway} 的下级设备",
        "Device {device} does not hang on gateway {gateway}",
    ),
    "device.ended": (422, "设备 {device} 已停用", "Device {device} has been retired"),
    "metric.unknown": (
        422,
        "型号 {model} 没有指标 {metric}",
        "Model {model} has no metric {metric}",
    ),
    "value.not_number": (
        422,
        "指标 {metric} 应为数字,收到的是 {kind}",
        "Metric {metric} must be a number, but {kind} came",
    ),
    "value.not_finite": (
        422,
        "指标 {metric} 的值不是有限数",
        "The value of metric {metric} is not a finite number",
    ),
    "value.range": (
        422,
        "指标 {metric} 的值 {value} 超出该型号的物理量程 {low}–{high} {unit}",
        "Value {value} of metric {metric} lies outside the model's physical range {low}–{high} {unit}",
    ),
    "time.format": (
        422,
        "时间 {ts} 无法识别:应为毫秒数或带时区的 ISO 8601",
        "Time {ts} cannot be read: give milliseconds since 1970 or ISO 8601 with a zone",
    ),
    "time.future": (
        422,
        "时间 {ts} 比平台时间快 {ahead} 秒,请校准设备时钟(最多 {limit} 秒)",
        "Time {ts} is {ahead} s ahead of the platform; set the device's clock (at most {limit} s)",
    ),
    "time.past": (
        422,
        "时间 {ts} 早于 {days} 天前;若以秒为单位,请改为毫秒",
        "Time {ts} lies more than {days} days back; if it is in seconds, send milliseconds",
    ),
    "senml.version": (422, "SenML 版本 {version} 不支持(至多 10)", "SenML version {version} is not supported (at most 10)"),
    "senml.must_understand": (
        422,
        "SenML 字段 {label} 要求必须理解,平台不支持",
        "SenML field {label} must be understood, and is not",
    ),
    "senml.name": (422, "SenML 名称 {name} 不合规范", "SenML name {name} does not follow the standard"),
    "senml.field": (422, "SenML 字段 {label} 应为{kind}", "SenML field {label} must be {kind}"),
    "senml.sum": (422, "不接收 SenML 的累计值 s/bs", "SenML sums (s, bs) are not taken"),
    "senml.text": (422, "指标 {metric} 为文本或数据(vs/vd),只接收数字", "Metric {metric} is text or data (vs, vd); only numbers are taken"),
    "senml.no_value": (422, "指标 {metric} 没有值", "Metric {metric} has no value"),
    "senml.unit": (
        422,
        "指标 {metric} 的单位 {unit} 与型号的单位 {expected} 不同",
        "Unit {unit} of metric {metric} is not the model's unit {expected}",
    ),
}

register(REASONS)
register(
    {
        "telemetry.body": (
            415,
            "内容类型应为 application/json、application/senml+json 或 application/x-ndjson",
            "Send application/json, application/senml+json or application/x-ndjson",
        ),
        "telemetry.nothing": (422, "没有可接收的读数", "None of the readings can be taken"),
        "telemetry.metric": (422, "设备没有指标 {metric}", "The device has no metric {metric}"),
        "telemetry.span": (
            422,
            "起止时间应先后有序,且跨度不超过 {days} 天",
            "“since” lies before “until”, at most {days} days apart",
        ),
        "telemetry.zone": (422, "时间须带时区", "Give times with their zone"),
    }
)

# Short names of the reasons for overviews.
TITLES = {
    "message.json": ("不是有效的 JSON", "Not valid JSON"),
    "message.shape": ("报文结构不对", "Wrong structure"),
    "message.empty": ("没有读数", "No readings"),
    "message.more": ("同一报文的其他问题", "More faults of the same message"),
    "device.missing": ("未注明设备", "Device not named"),
    "device.stranger": ("未登记的设备", "Unknown device"),
    "device.not_child": ("非本网关的设备", "Not a device of this gateway"),
    "device.ended": ("已停用的设备", "Retired device"),
    "metric.unknown": ("型号没有的指标", "Metric not in the model"),
    "value.not_number": ("不是数字", "Not a number"),
    "value.not_finite": ("不是有限数", "Not finite"),
    "value.range": ("超出量程", "Out of range"),
    "time.format": ("时间格式不对", "Unreadable time"),
    "time.future": ("设备时钟超前", "Clock ahead"),
    "time.past": ("时间过早", "Too old"),
    "senml.version": ("SenML 版本", "SenML version"),
    "senml.must_understand": ("SenML 必须理解的字段", "SenML field not understood"),
    "senml.name": ("SenML 名称", "SenML name"),
    "senml.field": ("SenML 字段类型", "SenML field type"),
    "senml.sum": ("SenML 累计值", "SenML sum"),
    "senml.text": ("SenML 文本或数据", "SenML text or data"),
    "senml.no_value": ("SenML 没有值", "SenML without value"),
    "senml.unit": ("单位不符", "Unit differs"),
}


def title(reason: str, lang: str) -> str:
    """The short name of a reason in a language."""
    zh, en = TITLES.get(reason, (reason, reason))
    return zh if lang.startswith("zh") else en

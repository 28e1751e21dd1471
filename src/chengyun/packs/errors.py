"""Sentences for what can be wrong in a manifest."""

from chengyun.kernel.errors import register

register(
    {
        "pack.invalid": (422, "行业包有 {count} 处错误", "The pack has {count} error(s)"),
        "pack.finding": (422, "第 {line} 行第 {column} 列:{zh}", "line {line}, column {column}: {en}"),
        "pack.key_differs": (422, "清单中的行业包标识是 {found},不是 {key}", "The manifest is of the pack {found}, not of {key}"),
        "pack.city_only": (
            403,
            "行业包对全市生效,只有管辖全市的人员可以启用",
            "A pack holds for the whole city; only officers of the whole city put it into force",
        ),
        "pack.not_ready": (404, "没有内置或放在行业包目录中的“{key}”", "There is no built-in pack {key}, nor one in the packs folder"),
        "pack.breaks": (
            409,
            "行业包 {pack} 还要用到它:{zh}",
            "The pack {pack} needs it: {en}",
        ),
        # The text as a whole
        "pack.yaml": (422, "不是有效的 YAML:{zh}", "is not valid YAML: {en}"),
        "pack.empty": (422, "内容为空", "is empty"),
        "pack.encoding": (422, "不是 UTF-8 文本", "is not UTF-8 text"),
        "pack.characters": (422, "含有不可见的控制字符", "contains control characters"),
        "pack.large": (413, "文件有 {size} 字节,上限 {limit} 字节", "has {size} bytes; the limit is {limit}"),
        "pack.many": (422, "内容过多:最多 {limit} 个值", "holds too much: at most {limit} values"),
        "pack.deep": (422, "嵌套过深:最多 {deepest} 层", "is nested too deeply: at most {deepest} levels"),
        "pack.documents": (422, "一个文件只能有一个 YAML 文档", "A file holds one YAML document"),
        "pack.alias": (422, "不允许使用锚点和别名(& 和 *),请写出内容", "Anchors and aliases (& and *) are not allowed; write it out"),
        "pack.tag": (422, "不允许使用 YAML 标签 {tag}", "YAML tags are not allowed: {tag}"),
        "pack.key": (422, "字段名必须是一个词", "The name of a field is a single word"),
        "pack.twice": (422, "重复:第 {line} 行已经有了", "stands twice: it is in line {line} already"),
        # Single values
        "pack.type": (422, "类型不对,应为{zh}", "has the wrong type; expected {en}"),
        "pack.quotes": (422, "应为文本,请加引号:'{value}'", "must be a text; put it in quotes: '{value}'"),
        "pack.choice": (422, "只能是 {choices} 之一", "must be one of {choices}"),
        "pack.unknown_like": (422, "没有这个字段;是不是 {like}?", "is not a known field; did you mean {like}?"),
        "pack.reason": (422, "{zh}", "{en}"),
        # What refers to something else
        "pack.twin": (422, "“{key}”已在第 {line} 行出现", "{key} stands in line {line} already"),
        "pack.model_taken": (422, "设备模型 {key} 属于行业包 {pack}", "The device model {key} belongs to the pack {pack}"),
        "pack.rule_taken": (422, "规则 {key} 属于行业包 {pack}", "The rule {key} belongs to the pack {pack}"),
        "pack.layer_taken": (422, "图层 {key} 属于行业包 {pack}", "The layer {key} belongs to the pack {pack}"),
        "pack.model_unknown": (422, "没有设备模型 {model}", "There is no device model {model}"),
        "pack.rule_unknown": (422, "没有规则 {rule}", "There is no rule {rule}"),
        "pack.pack_unknown": (422, "没有行业包 {pack}", "There is no pack {pack}"),
        "pack.class_unknown": (422, "{edition} 中没有{kind_zh}类别 {code}", "{edition} has no {kind_en} class {code}"),
        "pack.class_not_shipped": (
            422,
            "{edition} 中没有{kind_zh}类别 {code};如为本市扩展类别,请在运行中的平台上检查",
            "{edition} has no {kind_en} class {code}; if the city added it, check the pack on the running platform",
        ),
        "pack.beyond_sensor": (
            422,
            "{value} 超出指标 {metric} 的量程 {low}–{high},永远不会达到",
            "{value} lies beyond what the metric {metric} can show ({low} to {high}), so it is never reached",
        ),
        "pack.impatient": (
            422,
            "{value} 秒不长于设备的上报间隔 {interval} 秒,正常设备也会告警",
            "{value} s is not longer than the device's interval of {interval} s; a sound device would raise it",
        ),
        "pack.never_opens": (
            422,
            "规则 {rule} 最高只到 {best} 级,不会立案",
            "The rule {rule} reaches level {best} at most, so no case is opened",
        ),
        "pack.argument_missing": (422, "指令 {command} 缺少参数 {argument}", "The command {command} lacks its argument {argument}"),
        "pack.argument_unknown": (422, "指令 {command} 没有参数 {argument}", "The command {command} has no argument {argument}"),
        "pack.argument_value": (422, "参数 {argument} 应为{zh}", "The argument {argument} must be {en}"),
    }
)

"""Sentences for what can be wrong with a code, a class or a calendar."""

from chengyun.kernel.errors import register

register(
    {
        "code.division_form": (
            422,
            "“{value}”不是区划代码:应为 6、9、12 位数字或 15 位单元网格标识码",
            "“{value}” is not a division code: 6, 9 or 12 digits, or the 15 characters of a unit grid",
        ),
        "code.grid_form": (
            422,
            "“{value}”不是单元网格标识码:应为 15 位大写字母或数字,前 6 位为数字(GB/T 47678.3)",
            "“{value}” is not a unit grid code: 15 digits or capital letters, the first six digits (GB/T 47678.3)",
        ),
        "code.component_length": (
            422,
            "部件标识码应为 {expected} 位({edition}),现为 {length} 位",
            "A component code has {expected} digits ({edition}); this one has {length}",
        ),
        "code.component_digits": (
            422,
            "部件标识码只能由数字组成:“{value}”",
            "A component code consists of digits only: “{value}”",
        ),
        "code.matter_length": (
            422,
            "事项代码应为 {expected} 位({edition}),现为 {length} 位",
            "A matter code has {expected} digits ({edition}); this one has {length}",
        ),
        "code.matter_digits": (
            422,
            "事项代码只能由数字组成:“{value}”",
            "A matter code consists of digits only: “{value}”",
        ),
        "code.sequence_zero": (
            422,
            "顺序码从 000001 开始:“{value}”",
            "Sequence numbers start at 000001: “{value}”",
        ),
        "code.class_unknown": (
            422,
            "{edition} 中没有{kind_zh}类别 {class_code}",
            "{edition} has no {kind_en} class {class_code}",
        ),
        "code.grid_division": (
            422,
            "代码的区划 {division} 与所在单元网格 {grid} 的区划不一致",
            "The division {division} in the code is not that of its unit grid {grid}",
        ),
        "class.extension_number": (
            422,
            "扩展小类应使用 {low}–{high} 之间的编号,从大到小取",
            "Extension classes use numbers from {high} down to {low}",
        ),
        "class.major_unknown": (
            422,
            "{edition} 中没有大类 {major}",
            "{edition} has no major class {major}",
        ),
        "class.exists": (409, "类别 {class_code} 已存在", "Class {class_code} exists already"),
        "edition.unknown": (
            422,
            "未收录的标准版本“{edition}”;已有:{known}",
            "Edition “{edition}” is not known; known: {known}",
        ),
        "calendar.year": (
            422,
            "年份应在 {first} 到 {last} 之间",
            "The year must lie between {first} and {last}",
        ),
        "calendar.beyond": (
            422,
            "时间超出工作日历的范围({first}–{last} 年)",
            "The time lies beyond the working calendar ({first}–{last})",
        ),
        "calendar.periods": (
            422,
            "工作时段“{value}”无效:应为“08:00-12:00,14:00-18:00”的形式,先后相接且不重叠",
            "“{value}” are not working periods: write “08:00-12:00,14:00-18:00”, in order and apart",
        ),
        "calendar.limit": (
            422,
            "时限应为不小于 0 且不超过 {most} 的数",
            "A limit is a number from 0 to {most}",
        ),
        "calendar.naive_time": (
            422,
            "时间必须带时区,例如 2026-11-23T10:00:00+08:00",
            "A time needs its zone, for example 2026-11-23T10:00:00+08:00",
        ),
    }
)

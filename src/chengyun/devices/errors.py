"""Sentences for what can be wrong with a device, its model, its secret, an order, or a line of an import file."""

from chengyun.kernel.errors import register

register(
    {
        "device.changed": (
            409,
            "设备已被他人修改,请刷新后重试",
            "Somebody else has changed the device; reload it and try again",
        ),
        "device.key_taken": (409, "设备标识 {key} 已被使用", "The device key {key} is taken"),
        "device.key_twice": (422, "设备标识 {key} 在第 {row} 行已出现", "The device key {key} stands in row {row} already"),
        "device.retired": (409, "设备已停用", "The device is out of service"),
        "device.place_needed": (
            422,
            "请给出位置(经纬度)或区划代码",
            "Give a place (longitude and latitude) or a division code",
        ),
        "device.place_outside": (422, "位置不在本市区划范围内", "The place lies outside the city"),
        "device.area_denied": (403, "该位置不在您的管辖范围内", "The place lies outside your area"),
        "device.gateway_unknown": (422, "没有找到网关 {gateway}", "There is no gateway {gateway}"),
        "device.gateway_chain": (
            422,
            "网关不能是设备自身,也不能再挂在另一网关之下",
            "A gateway is neither the device itself nor behind another gateway",
        ),
        "device.owner_unknown": (422, "没有这个权属单位", "There is no such organisation"),
        "model.unknown": (422, "没有设备模型 {model}", "There is no device model {model}"),
        "model.taken": (
            409,
            "设备模型 {model} 属于行业包 {pack}",
            "The device model {model} belongs to the pack {pack}",
        ),
        "command.unknown": (422, "该设备模型没有指令 {command}", "Devices of this model have no command {command}"),
        "command.argument_missing": (422, "缺少参数 {argument}", "The argument {argument} is missing"),
        "command.argument_unknown": (422, "没有参数 {argument}", "There is no argument {argument}"),
        "command.argument_kind": (422, "参数 {argument} 应为 {kind}", "The argument {argument} must be a {kind}"),
        "command.argument_range": (
            422,
            "参数 {argument} 应在 {low} 到 {high} 之间",
            "The argument {argument} must lie between {low} and {high}",
        ),
        "credential.too_many": (
            409,
            "有效凭证最多 {limit} 个,请先吊销不用的",
            "At most {limit} secrets may be valid at once; revoke one that is not used",
        ),
        "credential.unknown_device": (401, "设备标识或密钥不正确", "The device key or its secret is wrong"),
        "import.empty": (422, "文件没有数据行", "The file has no rows"),
        "import.encoding": (422, "文件不是 UTF-8 或 GB18030 编码", "The file is neither UTF-8 nor GB18030 text"),
        "import.header": (
            422,
            "表头缺少列 {missing};可用的列:{known}",
            "The header lacks {missing}; known columns are {known}",
        ),
        "import.header_unknown": (
            422,
            "表头中的列 {column} 无法识别或重复;可用的列:{known}",
            "The column {column} is not known or stands there twice; known columns are {known}",
        ),
        "import.columns": (422, "该行有 {found} 列,应为 {expected} 列", "The row has {found} columns, expected {expected}"),
        "import.number": (422, "不是数字", "is not a number"),
        "import.too_many": (413, "每次最多导入 {limit} 行", "At most {limit} rows can be imported at once"),
        "import.rejected": (
            422,
            "{rows} 行中有 {bad} 行有误,未导入任何设备",
            "{bad} of {rows} rows are wrong; no device was imported",
        ),
        "import.quoting": (422, "第 {row} 行附近的引号或换行有误", "Quotes or line ends are wrong near row {row}"),
    }
)

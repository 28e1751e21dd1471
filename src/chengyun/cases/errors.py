"""Sentences for what can be wrong with a case, an operation or a photo."""

from chengyun.kernel.errors import register

register(
    {
        "case.not_allowed": (
            409,
            "案件{state},不能{operation};现在可以:{allowed}",
            "The case is {state}: it is not possible to {operation} it; possible now: {allowed}",
        ),
        "case.not_permitted": (
            403,
            "您的岗位没有{operation}的权限({permission});您现在可以:{allowed}",
            "Your post may not {operation} ({permission}); you may now: {allowed}",
        ),
        "case.other_unit": (
            403,
            "案件已派给{unit},只有该单位可以{operation}",
            "The case was dispatched to {unit}; only that unit can {operation}",
        ),
        "case.changed": (
            409,
            "案件已被他人更新({state}),请刷新后再操作",
            "Somebody else has changed the case ({state}); reload it and try again",
        ),
        "field.place": (422, "须给出位置 place 或区划 region_code", "needs a place or a region_code"),
        "case.outside_city": (422, "该位置不在本市范围内", "This place lies outside the city"),
        "case.foreign_area": (403, "该位置不在您的管辖范围内", "This place lies outside your area"),
        "case.place_region": (422, "该位置不在区划 {region} 内", "This place does not lie in division {region}"),
        "case.class_needed": (422, "立案前须确定类别", "A case needs a class before it is filed"),
        "case.unit_unknown": (422, "没有这个单位", "There is no such unit"),
        "case.unit_area": (422, "{unit}不负责该案件所在区域", "{unit} is not in charge of the area of this case"),
        "case.photo_unknown": (
            422,
            "照片不存在、已用于其他案件,或不是您上传的",
            "A photo is not there, belongs to a case already, or was uploaded by somebody else",
        ),
        "case.key_reused": (
            409,
            "该幂等键已用于另一份上报",
            "This idempotency key was used for another report",
        ),
        "case.key_form": (
            422,
            "幂等键应为 1–100 个可见的 ASCII 字符",
            "An idempotency key has 1 to 100 printable ASCII characters",
        ),
        "case.queue": (422, "没有队列 {queue};已有:{known}", "There is no queue {queue}; there are: {known}"),
        "case.number_unknown": (404, "没有案件 {number}", "There is no case {number}"),
        "case.alarm_taken": (409, "该告警已立案:{number}", "This alarm has a case already: {number}"),
        "case.history": (
            422,
            "第 {row} 条历史案件:{what}",
            "Case {row} of the earlier system: {what}",
        ),
        "photo.not_a_photo": (
            422,
            "文件不是可读取的照片(支持 JPEG、PNG、WebP)",
            "The file is not a readable photo (JPEG, PNG or WebP)",
        ),
        "photo.too_many_pixels": (
            422,
            "照片过大:{width}×{height},上限 {limit} 像素",
            "The photo is too large: {width}×{height}, at most {limit} pixels",
        ),
    }
)

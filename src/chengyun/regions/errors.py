"""Sentences for what can be wrong with a division, a place or a rectangle."""

from chengyun.kernel.errors import register

register(
    {
        "region.unknown": (404, "没有区划 {region}", "There is no division {region}"),
        "region.parent_needed": (
            422,
            "社区、村较多,请指定上级区划 parent",
            "There are too many communities to list at once; name a parent",
        ),
        "region.code_taken": (
            409,
            "代码 {region} 在该时期已属于{name}",
            "Code {region} belongs to {name} at that time",
        ),
        "region.code_level": (
            422,
            "代码 {region} 与该区划的层级不符",
            "Code {region} does not fit the level of this division",
        ),
        "region.date": (422, "日期应在 {first} 之后", "The date must not lie before {first}"),
        "place.bbox": (
            422,
            "bbox 应为“西,南,东,北”四个经纬度,且西小于东、南小于北",
            "bbox is “west,south,east,north” in degrees, west below east and south below north",
        ),
        "place.bbox_large": (
            422,
            "范围过大,请放大地图(边长不超过 {limit} 度)",
            "The rectangle is too large; zoom in (sides of at most {limit} degrees)",
        ),
        "place.coordinates": (
            422,
            "经度应在 -180 到 180、纬度应在 -90 到 90 之间",
            "Longitude lies between -180 and 180, latitude between -90 and 90",
        ),
    }
)

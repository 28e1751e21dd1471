"""What a client must know before anybody signs in."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from chengyun import __version__
from chengyun.kernel import clock
from chengyun.kernel.settings import get_settings

router = APIRouter()


class About(BaseModel):
    """The city, the version and the city's time."""

    name: str
    version: str
    city_code: str
    city_name: str
    language: str
    base_map_url: str | None
    now: datetime = Field(description="The city's time")
    clock_speed: float = Field(description="City seconds in a real second; 1 except in a demonstration")


@router.get("/about")
def about() -> About:
    """The city, the version and the city's time; open to everybody."""
    settings = get_settings()
    return About(
        name="城运 Chengyun",
        version=__version__,
        city_code=settings.city_code,
        city_name=settings.city_name,
        language=settings.language,
        base_map_url=settings.base_map_url,
        now=clock.now(),
        clock_speed=clock.speed(),
    )

"""What the cases room does, for its own routes and for the rooms above."""

from chengyun.cases.service.alarmed import follow, open_by_hand
from chengyun.cases.service.figures import current as current_figures
from chengyun.cases.service.history import import_history
from chengyun.cases.service.intake import report
from chengyun.cases.service.pictures import fetch as fetch_photo
from chengyun.cases.service.pictures import upload as upload_photo
from chengyun.cases.service.policies import put_policies
from chengyun.cases.service.proof import verify
from chengyun.cases.service.steps import operate
from chengyun.cases.service.units import suggest as suggest_units
from chengyun.cases.service.units import unit_for

__all__ = [
    "current_figures",
    "fetch_photo",
    "follow",
    "import_history",
    "open_by_hand",
    "operate",
    "put_policies",
    "report",
    "suggest_units",
    "unit_for",
    "upload_photo",
    "verify",
]

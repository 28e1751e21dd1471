"""What the cases room hears: alarms."""

from sqlalchemy.orm import Session

from chengyun.cases import service
from chengyun.kernel.bus import Event, consumer


@consumer("cases.alarms", ["ev.alarm.raised", "ev.alarm.level", "ev.alarm.cleared"])
def on_alarm(session: Session, event: Event) -> None:
    """Open the case of an alarm, once; note on it what the alarm does later."""
    service.follow(session, event.subject.rsplit(".", 1)[1], event.data, event.region_code)

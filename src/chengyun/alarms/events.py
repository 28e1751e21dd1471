"""What the alarms room hears: devices that have moved."""

from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.alarms.repository import writing
from chengyun.kernel.bus import Event, consumer
from chengyun.kernel.raw import raw


@consumer("alarms.moved", ["ev.device.moved"])
def on_moved(session: Session, event: Event) -> None:
    """The alarms of a device go with it, else neither area would see them."""
    connection, device_id = raw(session), UUID(str(event.data["id"]))
    writing.held_devices(connection, [device_id])
    writing.follow_device(connection, device_id)

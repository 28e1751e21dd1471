"""What the devices room does when something happens: deliver new orders at once, end connections whose right has ended."""

from sqlalchemy.orm import Session

from chengyun.devices import delivery
from chengyun.kernel.bus import Event, consumer


@consumer("devices.deliver", ["ev.device.command.requested"])
def deliver(_session: Session, _event: Event) -> None:
    """A new order goes out now, not at the next round."""
    delivery.deliver_due()


@consumer("devices.end_connections", ["ev.device.credential.revoked", "ev.device.retired"])
def end_connections(_session: Session, event: Event) -> None:
    """A revoked secret or a retired device has no open connection."""
    delivery.end_connections(str(event.data["key"]))

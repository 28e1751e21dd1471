"""PostgreSQL and NATS run by the platform itself, from the programs inside the installed wheels.

    from chengyun.kernel.embedded import start_services

    with start_services(folder, durable=False) as services:   # tests: do not wait for the disk
        services.database_url      # postgresql://chengyun:…@/chengyun?host=…   (Unix socket, superuser of the server)
        services.nats_url          # nats://app:…@127.0.0.1:…                   (all rights in the account CITY)
        services.mqtt_port         # where devices connect; everybody but `app` is asked of the auth call-out
        services.credentials()     # user, password, account, callout_seed, addresses
        services.postgres.process  # the server's process; .stop(), .start(), .spawn(), .ready()

While the block runs, `<folder>/run/services.json` lets `kernel.addresses` of any program with the same
`CHENGYUN_DATA_DIR` find both servers. The servers end with this process, however it ends.
"""

from chengyun.kernel.embedded.child import CannotStart
from chengyun.kernel.embedded.nats import BusCredentials, EmbeddedNats, free_port
from chengyun.kernel.embedded.postgres import EmbeddedPostgres
from chengyun.kernel.embedded.services import Services, locked, require_port, require_space, start_services

__all__ = [
    "BusCredentials",
    "CannotStart",
    "EmbeddedNats",
    "EmbeddedPostgres",
    "Services",
    "free_port",
    "locked",
    "require_port",
    "require_space",
    "start_services",
]

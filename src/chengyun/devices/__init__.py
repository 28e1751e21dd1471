"""Device models, registry, credentials, commands, health.

Beside the common parts:

- `fleet`: all devices as columns in memory, for the programs that follow the readings
- `callout`: answers the bus when a device wants in; `passes` makes and reads the signed tokens of that talk
- `delivery`: brings commands to devices by MQTT, and ends connections whose secret was revoked
"""

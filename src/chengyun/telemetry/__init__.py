"""Telemetry: readings from the bus to latest state, rules and history.

Beside the common parts: `batch` readings as columns · `message` a message of the stream and what can be refused of it ·
`decode` bytes to columns · `senml` RFC 8428 · `reader` the stream in order from a stored place · `watch` the program that
follows the readings, with `follow` its work on each batch · `latest` newest values and the live view · `dead_letters` what
was refused, within bounds · `archive` the program that keeps history · `export` files of it · `intake` readings by HTTP.
"""

"""The demo city: a client like any other, by MQTT and HTTP only."""

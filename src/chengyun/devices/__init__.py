"""Device models, registry, credentials, commands, health."""

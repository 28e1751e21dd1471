"""Ground floor: settings, database, bus, outbox, clock, ids, errors, paging, blobs, security. Knows no domain."""

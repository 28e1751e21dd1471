-- Rows that change with every reading: room on each page, so that an update stays on it and touches no index.
ALTER TABLE device_state SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE latest_reading SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

INSERT INTO device_revision (name, revision, next_device, next_model)
VALUES ('devices', gen_random_uuid(), 0, 0) ON CONFLICT (name) DO NOTHING;

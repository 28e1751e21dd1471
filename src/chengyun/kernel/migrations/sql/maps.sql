-- Devices in service in a part of the map. A btree and not a GiST on point: comparisons of numbers are leakproof, so
-- row-level security lets the planner use this index; the operators of point are not.
CREATE INDEX IF NOT EXISTS ix_device_place ON device (lon, lat) WHERE retired_at IS NULL;

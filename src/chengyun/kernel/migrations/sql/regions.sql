-- Rectangles of unit grids, for "all grids in this part of the map".
CREATE INDEX IF NOT EXISTS ix_unit_grid_box ON unit_grid USING gist (box(point(min_lon, min_lat), point(max_lon, max_lat)));

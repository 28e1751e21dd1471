-- What row-level security reads. Each is evaluated once per statement because policies call it in a sub-select.
DO $$ BEGIN
  CREATE TYPE code_range AS RANGE (subtype = text, collation = "C");
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

CREATE OR REPLACE FUNCTION scope_everywhere() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(current_setting('chengyun.scope', true), '') = 'all' $$;

CREATE OR REPLACE FUNCTION scope_ranges() RETURNS code_multirange LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN coalesce(current_setting('chengyun.scope', true), '') IN ('', 'all') THEN '{}'::code_multirange
          ELSE current_setting('chengyun.scope', true)::code_multirange END $$;

CREATE OR REPLACE FUNCTION scope_low() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(current_setting('chengyun.scope_low', true), '') $$;

CREATE OR REPLACE FUNCTION scope_high() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(current_setting('chengyun.scope_high', true), '') $$;

-- Puts the policy on every table with a column region_code, however it came to be; run after each migration.
CREATE OR REPLACE FUNCTION protect_area_tables() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  found record;
  done integer := 0;
BEGIN
  FOR found IN
    SELECT c.oid::regclass AS name FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'region_code' AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public'
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', found.name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', found.name);
    EXECUTE format('DROP POLICY IF EXISTS area_scope ON %s', found.name);
    EXECUTE format(
      'CREATE POLICY area_scope ON %s USING ('
      'region_code COLLATE "C" >= (SELECT scope_low()) AND region_code COLLATE "C" < (SELECT scope_high())'
      ' AND ((SELECT scope_everywhere()) OR region_code::text COLLATE "C" <@ (SELECT scope_ranges())))', found.name);
    done := done + 1;
  END LOOP;
  RETURN done;
END $$;

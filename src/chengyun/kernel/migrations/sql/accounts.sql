-- The audit log only grows. Rights are granted to the application on all tables before this file runs, so take them back here;
-- the triggers also bind whoever owns the table.
REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON audit_log FROM PUBLIC, chengyun_app;

CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log can only be added to' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION audit_log_refuse();
CREATE OR REPLACE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();

-- Adds a line in any area: what somebody does must be written down even where he could not read it.
CREATE OR REPLACE FUNCTION audit_add(
  id uuid, "time" timestamptz, actor_name text, user_id uuid, api_key_id uuid, org_id uuid, action text, object_type text,
  object_id text, detail jsonb, ip text, request_id text, region_code text
) RETURNS void LANGUAGE sql
SET chengyun.scope = 'all' SET chengyun.scope_low = '' SET chengyun.scope_high = '~' AS $$
  INSERT INTO audit_log (id, time, actor_name, user_id, api_key_id, org_id, action, object_type, object_id, detail, ip, request_id, region_code)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
$$;

-- User names are the whole city's: whether one is taken must be known also to those who may not see its owner.
CREATE OR REPLACE FUNCTION username_taken(name text) RETURNS boolean LANGUAGE sql STABLE
SET chengyun.scope = 'all' SET chengyun.scope_low = '' SET chengyun.scope_high = '~' AS $$
  SELECT EXISTS (SELECT 1 FROM app_user WHERE username = $1)
$$;

-- Whether somebody else can still administer, counted over the whole city.
CREATE OR REPLACE FUNCTION others_with(permission text, but uuid) RETURNS boolean LANGUAGE sql STABLE
SET chengyun.scope = 'all' SET chengyun.scope_low = '' SET chengyun.scope_high = '~' AS $$
  SELECT EXISTS (
    SELECT 1 FROM user_role JOIN role ON role.key = user_role.role_key JOIN app_user ON app_user.id = user_role.user_id
     WHERE $1 = ANY (role.permissions) AND app_user.state = 'active' AND app_user.id <> $2
  )
$$;

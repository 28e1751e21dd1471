-- A timeline is written once. The application's role cannot change or delete its rows, and nobody can by accident.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE OR REPLACE TRIGGER case_event_is_final BEFORE UPDATE OR DELETE ON case_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER case_event_stays BEFORE TRUNCATE ON case_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$ BEGIN
  REVOKE UPDATE, DELETE, TRUNCATE ON case_event FROM chengyun_app;
EXCEPTION WHEN undefined_object THEN NULL; END $$;

-- Parts of words are found by three letters at a time; where the extension may not be made, a search reads the table.
DO $$ BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX IF NOT EXISTS ix_case_text_words ON case_text USING gin (words gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
  RAISE NOTICE 'pg_trgm is not available: searching cases is slower';
END $$;

-- Starter limits of the stages. Change one by ending it (valid_to) and adding another; rows here never overwrite.
INSERT INTO case_limit (id, stage, urgency, edition, class_kind, class_code, area_code, amount, unit, condition, source, valid_from)
SELECT gen_random_uuid(), stage, urgency, '', '', '', '', amount, unit, '', source, DATE '2013-01-01'
  FROM (VALUES
    ('accept',   '',       0.25, 'urgent_hour', '运行惯例:受理 15 分钟'),
    ('file',     '',       0.5,  'urgent_hour', '运行惯例:立案 30 分钟'),
    ('file',     'urgent', 0.16666666666666666, 'urgent_hour', '运行惯例:紧急立案 10 分钟'),
    ('dispatch', '',       0.25, 'urgent_hour', '运行惯例:派遣 15 分钟'),
    ('sign',     'normal', 1,    'work_hour',   '运行惯例:签收 1 工作时'),
    ('sign',     'urgent', 1,    'urgent_hour', '运行惯例:紧急签收 1 小时'),
    ('handle',   'normal', 1,    'work_day',    '默认处置时限 1 工作日'),
    ('handle',   'urgent', 2,    'urgent_hour', '默认紧急处置时限 2 紧急工作时'),
    ('check',    'normal', 1,    'work_hour',   '运行惯例:核查 1 工作时'),
    ('check',    'urgent', 1,    'urgent_hour', '运行惯例:紧急核查 1 小时'),
    ('close',    '',       0.5,  'work_hour',   '运行惯例:结案 30 分钟')
  ) AS starter (stage, urgency, amount, unit, source)
ON CONFLICT DO NOTHING;

-- Limits for handling by class: typical values derived from GB/T 30428.8-2020; a city puts its own filing standard in their place.
INSERT INTO case_limit (id, stage, urgency, edition, class_kind, class_code, area_code, amount, unit, condition, source, valid_from)
SELECT gen_random_uuid(), 'handle', '', '47678.5-2026', kind, code, '', amount, unit, condition, '示例:立案处置结案标准(参照 GB/T 30428.8-2020)',
       DATE '2013-01-01'
  FROM (VALUES
    ('component', '01002', 2,  'urgent_hour', '井盖缺失、移位、开裂,存在安全隐患'),
    ('component', '01003', 2,  'urgent_hour', '井盖缺失、移位、开裂,存在安全隐患'),
    ('component', '01004', 2,  'urgent_hour', '雨水箅子缺失、移位、开裂'),
    ('component', '01018', 4,  'urgent_hour', '化粪池井盖缺失、移位,或气体超限'),
    ('component', '01037', 2,  'work_day',    '单灯不亮'),
    ('component', '02017', 3,  'work_day',    '护栏破损'),
    ('matter',    '06010', 4,  'work_hour',   '生活垃圾暴露在容器外'),
    ('matter',    '06011', 5,  'work_day',    '积存垃圾渣土'),
    ('matter',    '06012', 2,  'work_hour',   '路面有垃圾、油污、泥浆'),
    ('matter',    '06013', 5,  'work_day',    '路面破损 0.5 平方米以上'),
    ('matter',    '06014', 4,  'work_hour',   '运输遗撒'),
    ('matter',    '06017', 4,  'work_hour',   '绿地脏乱'),
    ('matter',    '06020', 2,  'urgent_hour', '正在焚烧'),
    ('matter',    '06029', 2,  'urgent_hour', '露天烧烤'),
    ('matter',    '06036', 4,  'work_hour',   '乱堆杂物'),
    ('matter',    '06037', 4,  'work_hour',   '动物尸体'),
    ('matter',    '06042', 4,  'work_hour',   '垃圾站(箱)满溢'),
    ('matter',    '07001', 1,  'work_day',    '非法小广告'),
    ('matter',    '07002', 2,  'work_hour',   '街头散发广告'),
    ('matter',    '08001', 2,  'urgent_hour', '未经许可时段施工扰民'),
    ('matter',    '08004', 2,  'work_hour',   '工地扬尘')
  ) AS starter (kind, code, amount, unit, condition)
ON CONFLICT DO NOTHING;

-- Which trade handles which class; the longest beginning of the code decides. `department` is the last part of a unit's key.
INSERT INTO case_route (class_kind, prefix, unit_kind, department, reason_zh, reason_en) VALUES
  ('component', '01',    'department', 'facilities',   '市政公用设施由市政设施管理单位处置', 'municipal facilities are handled by the facilities unit'),
  ('component', '01018', 'department', 'sanitation',   '化粪池由环境卫生单位处置', 'septic tanks are handled by the sanitation unit'),
  ('component', '02',    'department', 'facilities',   '交通设施由市政设施管理单位处置', 'traffic facilities are handled by the facilities unit'),
  ('component', '03',    'department', 'sanitation',   '市容环卫设施由环境卫生单位处置', 'sanitation facilities are handled by the sanitation unit'),
  ('component', '04',    'department', 'greening',     '园林绿化设施由园林绿化单位处置', 'green facilities are handled by the landscaping unit'),
  ('component', '05',    'district',   NULL,           '其他部件由区县统筹', 'other components are arranged by the district'),
  ('matter',    '01',    'department', 'facilities',   '市政公用设施异常由市政设施管理单位处置', 'faults of municipal facilities are handled by the facilities unit'),
  ('matter',    '02',    'department', 'facilities',   '交通设施异常由市政设施管理单位处置', 'faults of traffic facilities are handled by the facilities unit'),
  ('matter',    '03',    'department', 'sanitation',   '环卫设施异常由环境卫生单位处置', 'faults of sanitation facilities are handled by the sanitation unit'),
  ('matter',    '04',    'department', 'greening',     '绿化设施异常由园林绿化单位处置', 'faults of green facilities are handled by the landscaping unit'),
  ('matter',    '06',    'department', 'sanitation',   '市容环境由环境卫生单位处置', 'street cleanliness is handled by the sanitation unit'),
  ('matter',    '06013', 'department', 'facilities',   '道路破损由市政设施管理单位处置', 'damaged roads are handled by the facilities unit'),
  ('matter',    '06017', 'department', 'greening',     '绿地脏乱由园林绿化单位处置', 'untidy greens are handled by the landscaping unit'),
  ('matter',    '07',    'department', 'enforcement',  '宣传广告由城市管理执法单位处置', 'advertisements are handled by law enforcement'),
  ('matter',    '08',    'department', 'construction', '施工管理由建设监管单位处置', 'building sites are handled by construction supervision'),
  ('matter',    '09',    'department', 'enforcement',  '街面秩序由城市管理执法单位处置', 'street order is handled by law enforcement'),
  ('matter',    '10',    'department', 'facilities',   '其他事项由市政设施管理单位处置', 'other matters are handled by the facilities unit')
ON CONFLICT DO NOTHING;

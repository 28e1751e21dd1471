/** The shapes that travel between the server and the pages. Times are ISO 8601 in UTC, ids are UUIDs. */

/** 1 red, 2 orange, 3 yellow, 4 blue: the law's colours. */
export type Level = 1 | 2 | 3 | 4

export interface Page<T> {
  items: T[]
  next: string | null
  estimated_total?: number | null
}

export interface Place {
  lon: number
  lat: number
}

export interface Me {
  user: { id: string; username: string; name: string; posts: string[]; language: string }
  organisation: { id: string; name: string; area_code: string; area_name: string } | null
  permissions: string[]
  areas: string[]
}

export interface About {
  name: string
  city_code: string
  city_name: string
  version: string
  base_map_url: string | null
  now: string
  clock_speed: number
  language: string
}

export interface Metric {
  value: number
  time: string
  quality?: string
}

export interface DeviceState {
  connection: 'online' | 'offline' | 'unknown'
  last_seen: string | null
  metrics: Record<string, Metric>
  worst_alarm_level: Level | null
}

export interface Device {
  id: string
  key: string
  name: string
  model: { key: string; name: string }
  pack: string
  region_code: string
  area_name: string
  place: Place | null
  address: string | null
  component_code: string | null
  gateway_id: string | null
  owner_unit: string | null
  state: DeviceState
}

export interface DeviceSummary {
  pack: string
  model: string
  name: string
  total: number
  online: number
  offline: number
  alarm: number
}

/** Devices of one district, whatever their model. */
export interface DistrictDevices {
  code: string
  name: string
  total: number
  online: number
  offline: number
  alarm: number
}

export type AlarmState = 'raised' | 'acknowledged' | 'cleared' | 'closed'

export interface Alarm {
  id: string
  device: { id: string; key: string; name: string }
  rule: { key: string; version: number; name_zh: string; name_en: string }
  level: Level
  state: AlarmState
  metric: string | null
  value: number | null
  unit: string | null
  threshold: number | null
  raised_at: string
  acknowledged_at: string | null
  cleared_at: string | null
  closed_at: string | null
  region_code: string
  area_name: string
  place: Place | null
  case_id: string | null
  storm_id: string | null
}

export interface AlarmSummary {
  by_level: Record<string, number>
  by_district: { code: string; name: string; total: number; by_level?: Record<string, number> }[]
}

export interface Deadline {
  stage: string
  due_at: string
  limit: number
  unit: string
  used_share: number
  remaining_seconds: number
  remaining_text: string
  colour: 'green' | 'yellow' | 'red'
}

export interface CasePhoto {
  id: string
  phase: 'before' | 'after' | 'check'
}

export interface CaseAction {
  operation: string
  allowed: boolean
  reason: string | null
}

export interface Case {
  id: string
  number: string
  title: string
  class: { edition: string; kind: 'component' | 'matter'; code: string; name: string } | null
  source: string
  state: string
  stage: string
  description: string
  place: Place | null
  address: string | null
  region_code: string
  area_name: string
  unit: { id: string; name: string } | null
  alarm_id: string | null
  device_id: string | null
  reported_at: string
  deadline: Deadline | null
  handling_deadline: Deadline | null
  photos: CasePhoto[]
  revision: number
  actions?: CaseAction[] | null
}

export interface CaseFigures {
  day: string
  as_of?: string
  today: {
    reported: number
    filed: number
    handled: number
    closed: number
    reported_same_time_yesterday?: number | null
  }
  on_time_rate: number | null
  on_time_target?: number | null
  trend: { day: string; filed: number; previous: number | null }[]
  by_source: { source: string; count: number }[]
  by_district: { code: string; name: string; on_time_rate: number | null; open: number; reported?: number }[]
}

export interface MapLayer {
  key: string
  pack: string | null
  name_zh: string
  name_en: string
  kind: 'point'
  source: string
  filter?: Record<string, unknown>
  style?: { icon?: string | null; letter?: string | null; colour?: string | null; min_zoom?: number }
}

export interface DistrictProperties {
  code: string
  name: string
  short_name: string
  centroid: [number, number]
}
export type Districts = GeoJSON.FeatureCollection<GeoJSON.Polygon | GeoJSON.MultiPolygon, DistrictProperties>

/** What arrives on the live stream. */
export interface Envelope {
  id: string
  subject: string
  time: string
  home: string
  region_code: string
  data: Record<string, unknown>
}

/** An alarm with what the alarm pages show beyond the list of the cockpit. */
export interface AlarmRow extends Alarm {
  pack: string
  worst_level: Level
  first_raised_at: string
  acknowledged_by: string | null
  recurrences: number
  revision: number
}

export interface AlarmLevelRule {
  level: Level
  threshold: number | null
  low: number | null
  high: number | null
}

/** Why there is an alarm: the rule in words and the readings that it rests on. */
export interface AlarmExplanation {
  text: string
  source: string
  kind: 'above' | 'below' | 'outside' | 'rate' | 'no_data'
  levels: AlarmLevelRule[]
  hysteresis: number
  hold_seconds: number
  clear_hold_seconds: number
  inputs: Record<string, unknown>
}

export interface AlarmDetail extends AlarmRow {
  closed_reason: string | null
  explain: AlarmExplanation
}

export interface AlarmEvent {
  time: string
  kind: string
  level: Level | null
  value: number | null
  actor: string
  text: string
}

export interface AlarmStorm {
  id: string
  region_code: string
  area_name: string
  started_at: string
  last_at: string
  ended_at: string | null
  count: number
  worst_level: Level
}

export interface AlarmRuleName {
  key: string
  name_zh: string
  name_en: string
  pack: string
  metric: string | null
  version: number
}

/** Readings of a device: [time in ms, least, greatest, mean, how many] per point. */
export interface TelemetryHistory {
  device_id: string
  series: { metric: string; unit: string | null; points: [number, number, number, number, number][]; raw: boolean }[]
}

/** A case with what the case pages show beyond the lists of other rooms. */
export interface CaseFull extends Case {
  urgency: 'normal' | 'urgent'
  ended_at: string | null
  on_time: boolean | null
  rework_count: number
  reporter?: string | null
}

export interface CaseEvent {
  sequence: number
  time: string
  operation: string
  name: string
  from_state: string | null
  to_state: string
  actor: string
  data: Record<string, unknown>
  hash: string
}

export interface UnitSuggestion {
  id: string
  name: string
  kind: string
  suggested: boolean
  reason: string | null
}

export type ClassKind = 'component' | 'matter'

export interface StandardClass {
  edition: string
  kind: ClassKind
  code: string
  major: string
  name: string
  name_en: string
}

export interface ClassList {
  items: StandardClass[]
  majors: { edition: string; kind: ClassKind; major: string; name: string; name_en: string }[]
}

/** The divisions that hold a point; null where nothing of that level does. */
export interface LocatedPoint {
  grid: { code: string; name: string } | null
  community: { code: string; name: string } | null
  street: { code: string; name: string } | null
  district: { code: string; name: string } | null
}

/** One quantity that a device model measures. */
export interface ModelMetric {
  key: string
  name_zh: string
  name_en: string
  unit: string
  low: number
  high: number
  precision: number
  normal_low: number | null
  normal_high: number | null
}

export interface ModelArgument {
  key: string
  kind: 'number' | 'boolean' | 'text'
  low: number | null
  high: number | null
}

export interface ModelCommand {
  key: string
  name_zh: string
  name_en: string
  arguments: ModelArgument[]
  timeout_seconds: number
}

/** A device model as a pack declares it. */
export interface ModelSpec {
  key: string
  name_zh: string
  name_en: string
  icon?: string
  expected_interval_seconds: number
  metrics: ModelMetric[]
  commands: ModelCommand[]
}

/** A device model in force. */
export interface DeviceModel extends ModelSpec {
  version: number
  pack: string
  name: string
}

/** A device with what its own page shows beyond the lists of other rooms. */
export interface DeviceFull extends Device {
  owner_org_id: string | null
  registered_at: string
  retired_at: string | null
  revision: number
}

export interface DeviceCredential {
  id: string
  note: string
  created_at: string
  created_by: string
  revoked_at: string | null
}

export interface DeviceCommand {
  id: string
  device_id: string
  command: string
  arguments: Record<string, unknown>
  state: 'requested' | 'sent' | 'acknowledged' | 'failed' | 'timed_out'
  requested_at: string
  requested_by_name: string
  alarm_id: string | null
  attempts: number
  sent_at: string | null
  finished_at: string | null
  expires_at: string
  message: string
}

export interface DeviceImport {
  rows: number
  created: number
  dry_run: boolean
  secrets: Record<string, string>
}

/** A rule as a pack declares it. */
export interface RuleSpec {
  key: string
  name_zh: string
  name_en: string
  model: string
  metric: string | null
  kind: 'above' | 'below' | 'outside' | 'rate' | 'no_data'
  levels: { level: Level; threshold?: number | null; low?: number | null; high?: number | null }[]
  hysteresis: number
  hold_seconds: number
  clear_hold_seconds: number
  window_seconds: number
  source: string
  actions: { on: 'raised' | 'cleared'; from_level: Level; command: string; arguments: Record<string, unknown> }[]
}

/** A rule in force. */
export interface AlarmRuleFull extends RuleSpec {
  version: number
  pack: string
  valid_from: string
  valid_to: string | null
}

/** A message or reading that was refused. */
export interface DeadLetter {
  id: string
  time: string
  device_key: string
  reason: string
  title: string
  detail: string
  field: string
  item: number
  region_code: string
}

export interface DeadLetterDetail extends DeadLetter {
  sequence: number
  payload: string
  cut: boolean
}

export interface DeadLetterSummary {
  since: string
  total: number
  reasons: { reason: string; title: string; count: number; devices: number; last_hour: string }[]
  devices: { device_key: string; count: number; last_hour: string }[]
}

export interface OrganisationName {
  id: string
  key: string
  name: string
  name_en: string
  kind: string
  area_code: string
}

export interface Organisation extends OrganisationName {
  parent_id: string | null
  active: boolean
  changed_at: string
}

export interface UserRow {
  id: string
  username: string
  name: string
  organisation: OrganisationName | null
  region_code: string
  posts: string[]
  area_codes: string[]
  phone: string | null
  language: string
  state: 'active' | 'disabled'
  locked_until: string | null
  must_change_password: boolean
  created_at: string
  changed_at: string
  last_login_at: string | null
}

export interface Role {
  key: string
  name: string
  name_en: string
  description: string
  permissions: string[]
  built_in: boolean
  changed_at: string
}

export interface Permission {
  key: string
  name: string
  name_en: string
  for_api_keys: boolean
}

export interface ApiKey {
  id: string
  name: string
  hint: string
  permissions: string[]
  area_codes: string[]
  region_code: string
  created_by: string | null
  created_at: string
  expires_at: string | null
  last_used_at: string | null
  revoked_at: string | null
}

/** A line of the audit log. */
export interface AuditLine {
  id: string
  time: string
  actor: { name: string; user_id: string | null; username: string | null; api_key_id: string | null; org_id: string | null }
  action: string
  object_type: string
  object_id: string
  detail: Record<string, unknown>
  region_code: string
  ip: string
  request_id: string
}

/** An industry pack: in force, or ready to be put into force. */
export interface Pack {
  key: string
  version: string
  name: string
  name_zh: string
  name_en: string
  description: string
  in_force: boolean
  revision: number | null
  applied_at: string | null
  applied_by: string | null
  ready_version: string | null
  models: number
  rules: number
  case_policies: number
  risk_types: number
  layers: number
}

export interface PackPolicy {
  rule: string
  from_level: Level
  class: { edition: string; kind: string; code: string }
  title_zh: string
  title_en: string
  urgency: string
  unit_kind: string
  department: string | null
  limit: { amount: number; unit: string } | null
}

export interface PackManifest {
  models: ModelSpec[]
  rules: RuleSpec[]
  case_policies: PackPolicy[]
  risk_types: { key: string; name_zh: string; name_en: string; accident_types: string[] }[]
  layers: {
    key: string
    name_zh: string
    name_en: string
    kind: string
    source: string
    filter: Record<string, unknown>
    style: { icon?: string | null; letter?: string | null; colour?: string | null; min_zoom?: number }
  }[]
}

export interface PackDetail extends Pack {
  text: string
  manifest: PackManifest
  history: { revision: number; version: string; in_force: boolean; checksum: string; applied_at: string; applied_by: string }[]
}

/** One thing that is wrong in a manifest; lines and columns count from 1. */
export interface PackFinding {
  line: number
  column: number
  path: string
  message: string
}

export interface PackCheck {
  valid: boolean
  key: string | null
  version: string | null
  errors: PackFinding[]
}

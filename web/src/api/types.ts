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
  actions?: CaseAction[]
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
  style?: { icon?: string; letter?: string; colour?: string; min_zoom?: number }
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

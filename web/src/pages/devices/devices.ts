import { ApiProblem } from '@/api/problem'
import type { Device, DeviceCommand, DeviceModel, Level, ModelMetric, RuleSpec } from '@/api/types'

/** Pure helpers of the device pages. */

export const CONNECTION_TONE = { online: 'good', offline: 'off', unknown: 'still' } as const
export const COMMAND_TONE = { requested: 'live', sent: 'live', acknowledged: 'good', failed: 'late', timed_out: 'late' } as const

/** A name in the user's language, the other one where it is missing. */
export function named(thing: { name_zh: string; name_en: string; key?: string }, locale: string): string {
  return (locale === 'en' ? thing.name_en : thing.name_zh) || thing.name_zh || thing.key || ''
}

/** Where a value stands between the ends of its scale, 0 to 1. */
export function share(value: number, low: number, high: number): number {
  if (!(high > low) || !Number.isFinite(value)) return 0
  return Math.min(1, Math.max(0, (value - low) / (high - low)))
}

export interface Mark {
  level: Level
  value: number
  side: 'above' | 'below'
}

/** The thresholds of one metric, as marks on its scale; a rate or silence has none there. */
export function marksOf(rules: RuleSpec[], model: string, metric: string): Mark[] {
  const marks: Mark[] = []
  for (const rule of rules) {
    if (rule.model !== model || rule.metric !== metric) continue
    for (const { level, threshold, low, high } of rule.levels) {
      if (rule.kind === 'above' && typeof threshold === 'number') marks.push({ level, value: threshold, side: 'above' })
      if (rule.kind === 'below' && typeof threshold === 'number') marks.push({ level, value: threshold, side: 'below' })
      if (rule.kind === 'outside' && typeof low === 'number') marks.push({ level, value: low, side: 'below' })
      if (rule.kind === 'outside' && typeof high === 'number') marks.push({ level, value: high, side: 'above' })
    }
  }
  return marks.sort((a, b) => a.value - b.value || a.level - b.level)
}

/** The most severe level that a value has reached by the thresholds alone; null in the calm part of the scale. */
export function levelAt(value: number, marks: Mark[]): Level | null {
  const reached = marks.filter((m) => (m.side === 'above' ? value >= m.value : value <= m.value)).map((m) => m.level)
  return reached.length > 0 ? (Math.min(...reached) as Level) : null
}

export interface Zone {
  level: Level | null
  from: number
  to: number
}

/** The scale cut at its thresholds, each piece with the level that holds there, as shares of the whole. */
export function zones(low: number, high: number, marks: Mark[]): Zone[] {
  const cuts = [...new Set([low, ...marks.map((m) => m.value).filter((v) => v > low && v < high), high])].sort((a, b) => a - b)
  return cuts.slice(1).map((to, at) => {
    const from = cuts[at]!
    return { level: levelAt((from + to) / 2, marks), from: share(from, low, high), to: share(to, low, high) }
  })
}

/** What a list shows of a device: the first metrics of its model that say something about the place, not about the device. */
const ABOUT_ITSELF = new Set(['battery', 'fan', 'signal', 'rssi'])
export function keyMetrics(model: DeviceModel | undefined, device: Pick<Device, 'state'>, most = 3): (ModelMetric | { key: string; unit: string; precision: number; name_zh: string; name_en: string })[] {
  const known = device.state.metrics
  const declared = model?.metrics.filter((m) => m.key in known) ?? []
  const found = declared.length > 0 ? declared : Object.keys(known).map((key) => ({ key, unit: '', precision: 2, name_zh: key, name_en: key }))
  const outer = found.filter((m) => !ABOUT_ITSELF.has(m.key))
  return (outer.length > 0 ? outer : found).slice(0, most)
}

/** Whether an order still waits for its device. */
export function pending(command: Pick<DeviceCommand, 'state'>): boolean {
  return command.state === 'requested' || command.state === 'sent'
}

export interface RowFault {
  row: number | null
  column: string
  reason: string
}

/** The faults of an import file by row and column; what concerns the file as a whole has no row. */
export function rowFaults(problem: unknown): RowFault[] {
  if (!(problem instanceof ApiProblem)) return []
  return problem.errors.map((e) => {
    const found = /^rows\[(\d+)\]\.(.+)$/.exec(e.field)
    return found ? { row: Number(found[1]), column: found[2]!, reason: e.detail } : { row: null, column: e.field, reason: e.detail }
  })
}

/** A reading that the model takes: in the middle of the everyday range, else of the scale. */
export function sampleValues(model: DeviceModel | undefined): Record<string, number> {
  const metrics = model?.metrics.slice(0, 3) ?? []
  return Object.fromEntries(
    metrics.map((m) => {
      const [low, high] = [m.normal_low ?? m.low, m.normal_high ?? m.high]
      return [m.key, Number(((low + high) / 2).toFixed(Math.min(m.precision, 2)))]
    }),
  )
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Ready-made command lines with which a device, or whoever tries it out, sends its first reading. */
export function examples(host: string, origin: string, key: string, secret: string, values: Record<string, number>): { mqtt: string; http: string } {
  const body = JSON.stringify({ values })
  return {
    mqtt: `mosquitto_pub -h ${host} -p 1883 -V mqttv311 -q 1 \\\n  -u ${key} -P ${quoted(secret)} -i ${key} \\\n  -t cy/${key}/up -m ${quoted(body)}`,
    http: `curl -u ${quoted(`${key}:${secret}`)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)} \\\n  ${origin}/api/v1/telemetry`,
  }
}

/** The head of an import file, with one row that shows how. */
export function importTemplate(model: string): string[][] {
  return [
    ['key', 'name', 'model', 'lon', 'lat', 'address', 'component_code', 'gateway', 'owner'],
    ['SEP-000001', '示例设备', model, '106.5170', '29.5410', '', '', '', ''],
  ]
}

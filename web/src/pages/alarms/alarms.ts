import type { AlarmDetail, AlarmRow, Level } from '@/api/types'

export const LEVELS: readonly Level[] = [1, 2, 3, 4]

/** The tone of a state: what waits for somebody stands out. */
export const TONES = { raised: 'live', acknowledged: 'still', cleared: 'good', closed: 'off' } as const

/** "> 25 %LEL", "< 19.5", "18–23.5": from which value on a level holds. */
export function levelRange(
  level: { threshold: number | null; low: number | null; high: number | null },
  kind: string,
  number: (value: number) => string,
): string {
  if (kind === 'outside') return `< ${number(level.low ?? 0)} · > ${number(level.high ?? 0)}`
  if (level.threshold === null) return '—'
  if (kind === 'below') return `≤ ${number(level.threshold)}`
  if (kind === 'rate') return level.threshold < 0 ? `≤ ${number(level.threshold)}` : `≥ ${number(level.threshold)}`
  return `≥ ${number(level.threshold)}`
}

/** Lines to draw across a chart, each in its level's colour; a rate or silence has none on the scale of the readings. */
export function thresholdLines(alarm: Pick<AlarmDetail, 'explain'>): { level: Level; value: number }[] {
  const { kind, levels } = alarm.explain
  if (kind === 'rate' || kind === 'no_data') return []
  return levels.flatMap((l) =>
    [kind === 'outside' ? l.low : l.threshold, kind === 'outside' ? l.high : null].flatMap((value) =>
      value === null || value === undefined ? [] : [{ level: l.level, value }],
    ),
  )
}

/** The sign between the reading and its threshold. */
export function beyond(alarm: Pick<AlarmRow, 'value' | 'threshold'>): string {
  if (alarm.value === null || alarm.threshold === null) return ''
  return alarm.value >= alarm.threshold ? '≥' : '≤'
}

/** From when to when the chart looks: half an hour before, and until a while after or now. */
export function chartWindow(alarm: Pick<AlarmRow, 'raised_at' | 'cleared_at'>, now: number): { since: number; until: number } {
  const raised = Date.parse(alarm.raised_at)
  const end = alarm.cleared_at ? Date.parse(alarm.cleared_at) : raised + 30 * 60_000
  return { since: raised - 30 * 60_000, until: Math.min(now, Math.max(end + 10 * 60_000, raised + 20 * 60_000)) }
}

/** The readings that an alarm rests on, as [time, value], whatever exact shape they are stored in. */
export function inputReadings(inputs: Record<string, unknown>): { time: string; value: number }[] {
  const list = Array.isArray(inputs.readings) ? inputs.readings : []
  return list.flatMap((entry: unknown) => {
    const [time, value] = Array.isArray(entry) ? entry : entry && typeof entry === 'object' ? [(entry as { time?: unknown }).time, (entry as { value?: unknown }).value] : []
    if (typeof value !== 'number' || (typeof time !== 'string' && typeof time !== 'number')) return []
    return [{ time: typeof time === 'number' ? new Date(time).toISOString() : time, value }]
  })
}

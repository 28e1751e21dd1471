/** What the districts of the wall are coloured and ranked by. Pure. */

export type ThemeKey = 'on_time' | 'open_cases' | 'open_alarms' | 'devices_online'
export const THEMES: readonly ThemeKey[] = ['on_time', 'open_cases', 'open_alarms', 'devices_online']

export interface DistrictValue {
  code: string
  name: string
  /** null: nobody knows. Shares are 0 to 1, the rest are counts. */
  value: number | null
}

export interface Theme {
  key: ThemeKey
  share: boolean
  /** High is good for rates; for open cases and alarms there is no good, only much. */
  target: number | null
  values: DistrictValue[]
}

/** Nice numbers near the quantiles, rising, without doubles: the borders between at most `classes` colours. */
export function cuts(values: (number | null)[], share: boolean, classes = 5): number[] {
  const known = values.filter((v): v is number => v !== null && Number.isFinite(v)).sort((a, b) => a - b)
  if (known.length === 0 || known[0] === known[known.length - 1]) return []
  const step = roundingStep(known[known.length - 1]! - known[0]!, share)
  const found: number[] = []
  for (let i = 1; i < classes; i += 1) {
    const raw = known[Math.floor((known.length * i) / classes)]!
    const cut = round(Math.round(raw / step) * step)
    if (cut > known[0]! && cut <= known[known.length - 1]! && cut > (found[found.length - 1] ?? -Infinity)) found.push(cut)
  }
  return found
}

function roundingStep(spread: number, share: boolean): number {
  if (!share) return spread > 400 ? 50 : spread > 80 ? 10 : spread > 40 ? 5 : 1
  return spread > 0.2 ? 0.05 : spread > 0.04 ? 0.01 : spread > 0.01 ? 0.005 : 0.001
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6
}

/** Which colour of the ramp: the number of borders at or below the value. */
export function classOf(value: number, borders: number[]): number {
  return borders.filter((cut) => value >= cut).length
}

/** Colours of the ramp for n classes, spread over its whole length. */
export function spreadRamp(ramp: string[], classes: number): string[] {
  if (classes <= 1) return [ramp[Math.floor(ramp.length / 2)]!]
  return Array.from({ length: classes }, (_, i) => ramp[Math.round((i * (ramp.length - 1)) / (classes - 1))]!)
}

/** Best first; unknown last, then by code, so that the order stands still between equal ones. */
export function ranked(values: DistrictValue[]): DistrictValue[] {
  return [...values].sort((a, b) => {
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null) || a.code.localeCompare(b.code)
    return b.value - a.value || a.code.localeCompare(b.code)
  })
}

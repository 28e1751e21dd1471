import { describe, expect, it } from 'vitest'

import { ApiProblem } from '../src/api/problem'
import type { Device, DeviceModel, RuleSpec } from '../src/api/types'
import { examples, importTemplate, keyMetrics, levelAt, marksOf, named, pending, rowFaults, sampleValues, share, zones } from '../src/pages/devices/devices'
import { follow, historyOption, withGaps, type Point } from '../src/pages/devices/history'
import { withState } from '../src/pages/devices/useLiveStates'
import { palette } from '../src/lib/palette'

const rule = (given: Partial<RuleSpec>): RuleSpec => ({
  key: 'r', name_zh: '规则', name_en: 'Rule', model: 'septic-gas', metric: 'ch4', kind: 'above', levels: [], hysteresis: 0,
  hold_seconds: 0, clear_hold_seconds: 0, window_seconds: 600, source: 'own default', actions: [], ...given,
}) // prettier-ignore
const methane = rule({ levels: [{ level: 4, threshold: 10 }, { level: 3, threshold: 25 }, { level: 1, threshold: 100 }] })
const oxygen = rule({ metric: 'o2', kind: 'outside', levels: [{ level: 2, low: 18, high: 24 }] })

describe('thresholds on a scale', () => {
  it('are those of the metric and the model, in order', () => {
    expect(marksOf([methane, oxygen], 'septic-gas', 'ch4').map((m) => m.value)).toEqual([10, 25, 100])
    expect(marksOf([methane], 'other', 'ch4')).toEqual([])
    expect(marksOf([oxygen], 'septic-gas', 'o2')).toEqual([{ level: 2, value: 18, side: 'below' }, { level: 2, value: 24, side: 'above' }])
  })
  it('are none for a rate or for silence', () => {
    expect(marksOf([rule({ kind: 'rate', levels: [{ level: 2, threshold: 5 }] }), rule({ kind: 'no_data', metric: null, levels: [{ level: 3, threshold: 60 }] })], 'septic-gas', 'ch4')).toEqual([])
  })
  it('say which level a value has reached: the worst one, from the threshold itself on', () => {
    const marks = marksOf([methane], 'septic-gas', 'ch4')
    expect(levelAt(9.9, marks)).toBeNull()
    expect(levelAt(10, marks)).toBe(4)
    expect(levelAt(150, marks)).toBe(1)
    expect(levelAt(17, marksOf([oxygen], 'septic-gas', 'o2'))).toBe(2)
  })
  it('cut the scale into pieces that fill it', () => {
    const pieces = zones(0, 200, marksOf([methane], 'septic-gas', 'ch4'))
    expect(pieces.map((z) => z.level)).toEqual([null, 4, 3, 1])
    expect(pieces.at(-1)!.to).toBe(1)
    expect(zones(0, 5, marksOf([methane], 'septic-gas', 'ch4'))).toEqual([{ level: null, from: 0, to: 1 }])
  })
  it('keep a marker on the scale', () => {
    expect([share(-5, 0, 10), share(20, 0, 10), share(5, 0, 10), share(1, 3, 3), share(NaN, 0, 1)]).toEqual([0, 1, 0.5, 0, 0])
  })
})

describe('what a list shows of a device', () => {
  const metric = (key: string) => ({ key, name_zh: key, name_en: key, unit: '', low: 0, high: 100, precision: 1, normal_low: 0, normal_high: 10 })
  const model = { key: 'm', name_zh: '型', name_en: '', metrics: ['battery', 'ch4', 'h2s', 'co', 'o2'].map(metric), commands: [] } as unknown as DeviceModel
  const device = (keys: string[]): Pick<Device, 'state'> => ({
    state: { connection: 'online', last_seen: null, worst_alarm_level: null, metrics: Object.fromEntries(keys.map((k) => [k, { value: 1, time: '' }])) },
  })
  it('is about its place, not about itself, in the order of the model', () => {
    expect(keyMetrics(model, device(['o2', 'battery', 'ch4'])).map((m) => m.key)).toEqual(['ch4', 'o2'])
    expect(keyMetrics(model, device(['battery'])).map((m) => m.key)).toEqual(['battery'])
    expect(keyMetrics(undefined, device(['x'])).map((m) => m.key)).toEqual(['x'])
    expect(keyMetrics(model, device([]))).toEqual([])
  })
  it('has a name in either language', () => {
    expect(named(model, 'en')).toBe('型')
    expect(named({ name_zh: '甲烷', name_en: 'Methane' }, 'en')).toBe('Methane')
  })
  it('takes live values without losing the others', () => {
    const before = device(['ch4', 'o2']) as Device
    const after = withState(before, { id: '1', connection: 'offline', metrics: { ch4: { value: 9, time: 't' } } })
    expect(after.state.metrics).toMatchObject({ ch4: { value: 9 }, o2: { value: 1 } })
    expect(after.state.connection).toBe('offline')
    expect(before.state.connection).toBe('online')
  })
  it('offers a reading that its model takes', () => {
    expect(sampleValues(model)).toEqual({ battery: 5, ch4: 5, h2s: 5 })
    expect(sampleValues(undefined)).toEqual({})
  })
})

describe('sending', () => {
  it('examples quote what a shell would read otherwise', () => {
    const { mqtt, http } = examples('city', 'https://city', 'SEP-1', "a'b$c", { ch4: 1 })
    expect(mqtt).toContain("-P 'a'\\''b$c'")
    expect(mqtt).toContain('-t cy/SEP-1/up')
    expect(http).toContain("-d '{\"values\":{\"ch4\":1}}'")
    expect(http).toContain('https://city/api/v1/telemetry')
  })
  it('an order is followed until it is answered or over', () => {
    expect((['requested', 'sent', 'acknowledged', 'failed', 'timed_out'] as const).map((state) => pending({ state }))).toEqual([true, true, false, false, false])
  })
})

describe('an import', () => {
  it('tells its faults by row and column', () => {
    const problem = new ApiProblem({
      status: 422, code: 'import.rejected',
      errors: [{ field: 'rows[4].lon', code: 'import.number', detail: '不是数字' }, { field: 'file', code: 'import.header', detail: '缺列' }],
    }) // prettier-ignore
    expect(rowFaults(problem)).toEqual([{ row: 4, column: 'lon', reason: '不是数字' }, { row: null, column: 'file', reason: '缺列' }])
    expect(rowFaults(new Error('x'))).toEqual([])
  })
  it('has a template whose rows are as long as its head', () => {
    const [head, row] = importTemplate('septic-gas')
    expect(row).toHaveLength(head!.length)
  })
})

describe('the curve', () => {
  const at = (ms: number, value = 1): Point => [ms, value, value, value, 1]
  it('breaks where the device was silent', () => {
    const points = [at(0), at(60_000), at(120_000), at(600_000), at(660_000)]
    const shown = withGaps(points, 60_000)
    expect(shown).toHaveLength(6)
    expect(shown[3]).toEqual([120_001, null, null, null, 0])
  })
  it('does not break between the buckets of a long time', () => {
    const points = [at(0), at(3_600_000), at(7_200_000)]
    expect(withGaps(points, 60_000)).toEqual(points)
    expect(withGaps([at(5)], 60_000)).toEqual([at(5)])
  })
  it('follows live readings, once each, and lets go of what left the window', () => {
    const points = [at(0), at(10)]
    expect(follow(points, 10, 5, 0)).toBe(points)
    expect(follow(points, 20, 5, 5)).toEqual([at(10), at(20, 5)])
  })
  it('brings near thresholds into view and leaves far ones out', () => {
    const words = { mean: '', band: '', count: '', letter: String, number: String, exact: String, axis: String }
    const option = historyOption(
      { points: [at(0, 8), at(60_000, 12)], since: 0, until: 1, unit: '', usual: 60_000, name: 'ch4', marks: marksOf([methane], 'septic-gas', 'ch4') },
      words,
      palette(),
    ) as { series: { markLine?: { data: { yAxis: number }[] } }[]; yAxis: { min: number; max: number } }
    expect(option.series.at(-1)!.markLine!.data.map((d) => d.yAxis)).toEqual([10])
    expect(option.yAxis.min).toBeLessThan(8)
    expect(option.yAxis.max).toBeGreaterThan(12)
  })
})

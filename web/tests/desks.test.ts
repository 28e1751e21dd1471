import { describe, expect, it } from 'vitest'

import type { Case, CaseEvent } from '../src/api/types'
import { mergeRows, updateRows } from '../src/components/desk/liveRows'
import { beyond, chartWindow, inputReadings, levelRange, thresholdLines } from '../src/pages/alarms/alarms'
import { areaParts, batchOperation, choices, eventWords, phases, shortHash, shortNumber } from '../src/pages/cases/cases'

const plain = (n: number): string => String(n)
const key = (row: { id: string }): string => row.id
const event = (operation: string, time: string, data: Record<string, unknown> = {}): CaseEvent => ({
  sequence: 1, time, operation, name: operation, from_state: null, to_state: '', actor: '李敏', data, hash: '05a4889100',
}) // prettier-ignore
const row = (stage: string): Case => ({ stage }) as Case

describe('rows that live events change', () => {
  it('stay in their places when they change', () => {
    const now = [{ id: 'a', n: 1 }, { id: 'b', n: 1 }]
    expect(updateRows(now, [{ id: 'b', n: 2 }, { id: 'new', n: 2 }], key)).toEqual([{ id: 'a', n: 1 }, { id: 'b', n: 2 }])
  })

  it('keep what was read further down when new ones come', () => {
    const merged = mergeRows([{ id: 'a' }, { id: 'b' }, { id: 'far' }], [{ id: 'new' }, { id: 'b' }, { id: 'a' }], key)
    expect(merged.map(key)).toEqual(['new', 'b', 'a', 'far'])
  })
})

describe('an alarm explained', () => {
  const explain = { text: '', source: '', kind: 'above' as const, hysteresis: 0, hold_seconds: 0, clear_hold_seconds: 0, inputs: {}, levels: [] }

  it('writes from which value on a level holds', () => {
    expect(levelRange({ threshold: 25, low: null, high: null }, 'above', plain)).toBe('≥ 25')
    expect(levelRange({ threshold: 19.5, low: null, high: null }, 'below', plain)).toBe('≤ 19.5')
    expect(levelRange({ threshold: null, low: 2, high: 8 }, 'outside', plain)).toBe('< 2 · > 8')
    expect(levelRange({ threshold: -3, low: null, high: null }, 'rate', plain)).toBe('≤ -3')
  })

  it('draws thresholds only where they are on the scale of the readings', () => {
    const levels = [{ level: 1 as const, threshold: 50, low: null, high: null }]
    expect(thresholdLines({ explain: { ...explain, levels } })).toEqual([{ level: 1, value: 50 }])
    expect(thresholdLines({ explain: { ...explain, kind: 'rate', levels } })).toEqual([])
    const both = [{ level: 2 as const, threshold: null, low: 2, high: 8 }]
    expect(thresholdLines({ explain: { ...explain, kind: 'outside', levels: both } }).map((l) => l.value)).toEqual([2, 8])
  })

  it('says on which side of the threshold the reading lies', () => {
    expect(beyond({ value: 30, threshold: 25 })).toBe('≥')
    expect(beyond({ value: 18, threshold: 19.5 })).toBe('≤')
    expect(beyond({ value: null, threshold: 25 })).toBe('')
  })

  it('looks half an hour back and never past the present', () => {
    const now = Date.parse('2026-07-21T02:00:00Z')
    const window = chartWindow({ raised_at: '2026-07-21T01:50:00Z', cleared_at: null }, now)
    expect(new Date(window.since).toISOString()).toBe('2026-07-21T01:20:00.000Z')
    expect(window.until).toBe(now)
  })

  it('reads the readings behind it, and leaves out what is none', () => {
    const inputs = { readings: [{ time: '2026-07-21T01:50:00Z', value: 30 }, { time: 'x' }, null, [0, 4]] }
    expect(inputReadings(inputs)).toEqual([{ time: '2026-07-21T01:50:00Z', value: 30 }, { time: '1970-01-01T00:00:00.000Z', value: 4 }])
    expect(inputReadings({})).toEqual([])
  })
})

describe('what may be done with a case', () => {
  const actions = [
    { operation: 'accept', allowed: false, reason: '不能受理' },
    { operation: 'void', allowed: true, reason: null },
    { operation: 'note', allowed: true, reason: null },
    { operation: 'check_pass', allowed: false, reason: '没有核查的权限' },
    { operation: 'check_fail', allowed: true, reason: null },
  ]

  it('shows the step ahead even when it is not mine, with the reason', () => {
    const all = choices({ stage: 'check', actions })
    expect(all.forward).toEqual(actions[3])
    expect(all.others.map((a) => a.operation)).toEqual(['check_fail', 'note', 'void'])
    expect(all.refused.map((a) => a.operation)).toEqual(['accept'])
  })

  it('has no step ahead once it is over', () => {
    expect(choices({ stage: 'done', actions }).forward).toBeNull()
    expect(choices({ stage: 'done' }).others).toEqual([])
  })

  it('takes many at once only where all wait for the same safe step', () => {
    expect(batchOperation([row('dispatch'), row('dispatch')])).toBe('dispatch')
    expect(batchOperation([row('dispatch'), row('accept')])).toBeNull()
    expect(batchOperation([row('check')])).toBeNull()
    expect(batchOperation([])).toBeNull()
  })
})

describe('the timeline', () => {
  it('goes through the seven phases and says where it stands', () => {
    const events = [event('report', '2026-07-21T00:00:00Z'), event('accept', '2026-07-21T00:04:00Z'), event('file', '2026-07-21T00:10:00Z')]
    const shown = phases(events, { stage: 'dispatch', state: 'filed' })
    expect(shown.map((p) => `${p.key} ${p.state}`)).toEqual(['collect done', 'file done', 'dispatch now', 'handle ahead', 'feedback ahead', 'check ahead', 'evaluate ahead'])
    expect(shown[1]!.seconds).toBe(600)
  })

  it('shows a phase again when the case goes back, and remarks where they were made', () => {
    const at = (n: number): string => new Date(n * 60_000).toISOString()
    const events = ['report', 'accept', 'file', 'dispatch', 'sign', 'handle', 'note', 'check_fail', 'handle'].map((op, n) => event(op, at(n)))
    const shown = phases(events, { stage: 'check', state: 'handled' })
    expect(shown.map((p) => p.key)).toEqual(['collect', 'file', 'dispatch', 'handle', 'feedback', 'check', 'feedback', 'check', 'evaluate'])
    expect(shown[4]!.events.map((e) => e.operation)).toEqual(['handle', 'note'])
    expect(shown[7]!.state).toBe('now')
  })

  it('ends with what happened when a case is over', () => {
    const shown = phases([event('report', '2026-07-21T00:00:00Z'), event('reject', '2026-07-21T00:01:00Z')], { stage: 'done', state: 'rejected' })
    expect(shown.map((p) => p.state)).toEqual(['done', 'done'])
  })

  it('takes from an event to whom, why and how many photos', () => {
    const said = eventWords(event('dispatch', '', { unit: { id: '1', name: '排水所' }, note: '尽快', photos: ['a', 'b'] }))
    expect(said).toEqual({ unit: '排水所', class: '', text: '尽快', photos: 2 })
    expect(eventWords(event('handle', '', { feedback: 3 })).text).toBe('')
  })

  it('shortens numbers, areas and marks', () => {
    expect(shortNumber('CY20261125000013')).toBe('000013')
    expect(shortNumber('A-7')).toBe('A-7')
    expect(areaParts('渝中区 大坪街道')).toEqual(['大坪街道', '渝中区'])
    expect(areaParts('Daping Subdistrict, Yuzhong District')).toEqual(['Daping Subdistrict', 'Yuzhong District'])
    expect(shortHash('05a4889100')).toBe('05a4 8891')
  })
})

import { describe, expect, it } from 'vitest'

import { backOff, StreamParser } from '../src/live/stream'

describe('the live stream', () => {
  it('gives messages however the pieces are cut', () => {
    const text = 'retry: 2000\nevent: hello\ndata: {}\n\n: beat\n\nid: 7\nevent: alarm.raised\ndata: {"a":\ndata: 1}\n\n'
    for (let size = 1; size < text.length; size += 3) {
      const parser = new StreamParser()
      const found = []
      for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)))
      expect(found).toEqual([
        { id: null, event: 'hello', data: '{}' },
        { id: '7', event: 'alarm.raised', data: '{"a":\n1}' },
      ])
      expect(parser.retry).toBe(2000)
    }
  })

  it('makes no message of a heart-beat or of a half', () => {
    const parser = new StreamParser()
    expect(parser.push(': beat\n\n')).toEqual([])
    expect(parser.push('event: case.filed\ndata: {}\n')).toEqual([])
    expect(parser.push('\n')).toHaveLength(1)
  })

  it('comes back soon, then less often, never later than after 38 s', () => {
    expect(backOff(1, () => 0.5)).toBe(1000)
    expect(backOff(2, () => 0.5)).toBe(2000)
    expect(backOff(40, () => 1)).toBeLessThanOrEqual(37_500)
  })
})

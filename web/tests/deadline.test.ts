import { describe, expect, it } from 'vitest'

import { deadlineColour, deadlineFill, deadlineWords } from '../src/lib/deadline'
import { say } from './say'

describe('a deadline', () => {
  it.each([
    [0.2, 3600, 'green'],
    [0.799, 3600, 'green'],
    [0.8, 600, 'yellow'],
    [1, 0, 'yellow'],
    [1.01, -60, 'red'],
    [0.5, -60, 'red'],
  ] as const)('with %f of its limit used and %i s left is %s', (used_share, remaining_seconds, colour) => {
    expect(deadlineColour({ used_share, remaining_seconds })).toBe(colour)
  })

  it("takes the server's colour where it gives one", () => {
    expect(deadlineColour({ used_share: 0.1, remaining_seconds: 9, colour: 'red' })).toBe('red')
  })

  it.each([
    [-0.5, 0],
    [0.4, 0.4],
    [3, 1],
    [NaN, 0],
  ])('fills the bar for a share of %f to %f', (used_share, fill) => {
    expect(deadlineFill({ used_share })).toBe(fill)
  })

  it("uses the server's words, because only the server counts working time", () => {
    expect(deadlineWords({ remaining_text: '剩 2 工作时 21 分', remaining_seconds: 1 }, say('zh-CN'))).toBe('剩 2 工作时 21 分')
  })

  it.each([
    [2880, '剩 48 分钟', '48 min left'],
    [5280, '剩 1 小时 28 分钟', '1 h 28 min left'],
    [-1320, '超 22 分钟', '22 min over'],
    [90000, '剩 1 天 1 小时', '1 d 1 h left'],
  ])('of %i s without words says so itself', (remaining_seconds, chinese, english) => {
    expect(deadlineWords({ remaining_text: '', remaining_seconds }, say('zh-CN'))).toBe(chinese)
    expect(deadlineWords({ remaining_text: '', remaining_seconds }, say('en'))).toBe(english)
  })
})

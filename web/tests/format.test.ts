import { describe, expect, it } from 'vitest'

import { cityDate, exactTime, longDay, number, percent, shortTime, timeAgo } from '../src/lib/format'
import { say } from './say'

const NOW = Date.parse('2026-07-21T01:42:18Z')

describe('numbers', () => {
  it('are a dash when nobody knows them, never zero', () => {
    expect(number(null, 'zh-CN')).toBe('—')
    expect(number(undefined, 'en')).toBe('—')
    expect(number(NaN, 'en')).toBe('—')
    expect(percent(null, 'zh-CN')).toBe('—')
  })
  it('carry thousands and percent', () => {
    expect(number(3412, 'zh-CN')).toBe('3,412')
    expect(percent(0.974, 'zh-CN')).toBe('97.4')
    expect(percent(1, 'en', 0)).toBe('100')
  })
})

describe('times are the city\'s, whatever the computer says', () => {
  it('exact, short and long', () => {
    expect(exactTime('2026-07-21T01:42:18Z')).toBe('2026-07-21 09:42:18')
    expect(shortTime('2026-07-21T02:30:00Z', NOW)).toBe('10:30')
    expect(shortTime('2026-07-22T01:40:00Z', NOW)).toBe('7-22 09:40')
    expect(shortTime('2024-03-01T00:00:00Z', NOW)).toBe('2024-03-01')
    expect(cityDate('2026-07-20T16:30:00Z')).toBe('2026-07-21')
    expect(longDay(NOW, 'zh-CN')).toBe('7 月 21 日 星期二')
    expect(longDay(NOW, 'en')).toBe('Tuesday, July 21')
    expect(exactTime('not a time')).toBe('—')
  })

  it.each([
    [10, '刚刚', 'just now'],
    [-10, '刚刚', 'just now'],
    [60, '1 分钟前', '1 min ago'],
    [180, '3 分钟前', '3 min ago'],
    [7200, '2 小时前', '2 h ago'],
    [86400 * 3, '3 天前', '3 d ago'],
    [-3600, '1 小时后', 'in 1 h'],
  ])('%i s away', (seconds, chinese, english) => {
    expect(timeAgo(NOW - seconds * 1000, NOW, say('zh-CN'))).toBe(chinese)
    expect(timeAgo(NOW - seconds * 1000, NOW, say('en'))).toBe(english)
  })
})

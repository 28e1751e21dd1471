import { describe, expect, it } from 'vitest'

import { cookie } from '../src/api/client'
import { merge } from '../src/i18n/merge'
import { csvCell, toCsv } from '../src/lib/csv'
import { districtName, shortDistrict } from '../src/lib/districtNames'
import { classOf, cuts, ranked, spreadRamp } from '../src/pages/cockpit/themes'
import { grown, holds } from '../src/pages/map/layers'
import { homeFor } from '../src/router/home'

describe('export as CSV', () => {
  it('quotes what needs quotes', () => {
    expect(csvCell('a,b')).toBe('"a,b"')
    expect(csvCell('say "no"')).toBe('"say ""no"""')
    expect(csvCell(null)).toBe('')
  })
  it('lets no text become a formula, and leaves numbers alone', () => {
    expect(csvCell('=HYPERLINK("x")')).toBe('"\'=HYPERLINK(""x"")"')
    expect(csvCell('+1')).toBe("'+1")
    expect(csvCell('-12.5')).toBe('-12.5')
    expect(csvCell(-3)).toBe('-3')
  })
  it('starts with a mark that spreadsheets need for Chinese', () => {
    expect(toCsv(['案号'], [['1']])).toBe('\ufeff案号\r\n1\r\n')
  })
})

describe('the first page', () => {
  const order = ['/cockpit', '/map', '/cases']
  it('goes by post', () => {
    expect(homeFor(['duty_chief'], () => true, order)).toBe('/cockpit')
    expect(homeFor(['dispatcher'], () => true, order)).toBe('/cases')
  })
  it('is the first that may be opened otherwise', () => {
    expect(homeFor(['dispatcher'], (p) => p === '/map', order)).toBe('/map')
    expect(homeFor(['unheard_of'], () => false, order)).toBe('/help')
  })
})

describe('colours of the districts', () => {
  it('cut rates and counts at round numbers', () => {
    const rates = Array.from({ length: 37 }, (_, i) => 0.93 + i * 0.0016)
    for (const cut of cuts(rates, true)) expect(Math.round(cut * 1000) % 10).toBe(0)
    expect(cuts([0, 0, 0, 0, 1, 2, 3, 9], false)).toEqual([1, 3])
  })
  it('have one colour when all are equal or unknown', () => {
    expect(cuts([5, 5, 5], false)).toEqual([])
    expect(cuts([null, null], true)).toEqual([])
    expect(spreadRamp(['a', 'b', 'c'], 1)).toEqual(['b'])
  })
  it('put a value on a border into the higher class', () => {
    expect(classOf(0.95, [0.94, 0.95])).toBe(2)
    expect(classOf(0.5, [0.94, 0.95])).toBe(0)
  })
  it('rank the unknown last', () => {
    const row = (code: string, value: number | null) => ({ code, name: code, value })
    expect(ranked([row('a', null), row('b', 1), row('c', 2), row('d', 2)]).map((r) => r.code)).toEqual(['c', 'd', 'b', 'a'])
  })
})

it.each([
  ['渝中区', '渝中', 'Yuzhong'],
  ['两江新区', '两江', 'Liangjiang'],
  ['石柱土家族自治县', '石柱', 'Shizhu'],
  ['彭水苗族土家族自治县', '彭水', 'Pengshui'],
  ['忠县', '忠县', 'Zhongxian'],
  ['某处', '某处', '某处'],
])('%s is called %s, and %s in English', (name, short, english) => {
  expect(shortDistrict(name)).toBe(short)
  expect(districtName(shortDistrict(name), 'en')).toBe(english)
})

it('a grown box holds the view it came from', () => {
  expect(grown([0, 0, 2, 2], 0.5)).toEqual([-1, -1, 3, 3])
  expect(holds(grown([0, 0, 2, 2], 0.5), [0.5, 0, 2.5, 2])).toBe(true)
  expect(holds([0, 0, 2, 2], [1, 1, 3, 2])).toBe(false)
})

it('later messages join earlier ones', () => {
  expect(merge([{ map: { title: 'a', nav: 'b' } }, { map: { title: 'c' } }])).toEqual({ map: { title: 'c', nav: 'b' } })
})

it('the CSRF token is read from its cookie', () => {
  expect(cookie('cy_csrf', 'a=1; cy_csrf=to%3Dken; b=2')).toBe('to=ken')
  expect(cookie('cy_csrf', 'xcy_csrf=1')).toBeNull()
})

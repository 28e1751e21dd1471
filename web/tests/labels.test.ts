import { describe, expect, it } from 'vitest'

import type { Districts } from '@/api/types'
import { labelPlaces, within } from '@/lib/districts'
import { layerLetter, together } from '@/pages/map/layers'
import { casesOfDay, queueList } from '@/pages/cockpit/lists'

const square = (code: string, w: number, s: number, e: number, n: number): unknown => ({
  type: 'Feature',
  properties: { code, name: code, centroid: [(w + e) / 2, (s + n) / 2] },
  geometry: { type: 'Polygon', coordinates: [[[w, s], [e, s], [e, n], [w, n], [w, s]]] },
})

describe('names inside a frame', () => {
  const city = { type: 'FeatureCollection', features: [square('west', -10, 0, 5, 10), square('east', 5, 0, 30, 10), square('sliver', 0, 9.95, 10, 20)] } as unknown as Districts
  const places = labelPlaces(city, [0, 0, 10, 10])

  it('stand in the part that is seen, away from borders and frame', () => {
    const [x, y] = places.get('west')!
    expect(within([1, 2, 4.5, 8], x, y)).toBe(true)
    expect(within([5.5, 2, 9, 8], ...places.get('east')!)).toBe(true)
  })

  it('are left out where only a sliver is seen', () => expect(places.has('sliver')).toBe(false))
})

describe('the map and the wall', () => {
  it('keep of each thing which layer it belongs to', () => {
    const point = { type: 'Feature', properties: { count: 3 }, geometry: { type: 'Point', coordinates: [1, 2] } }
    const one = { type: 'FeatureCollection', features: [point] } as GeoJSON.FeatureCollection
    expect(together([['a', one], ['b', one]]).features.map((f) => f.properties)).toEqual([{ count: 3, layer: 'a' }, { count: 3, layer: 'b' }])
  })

  it('give a sign in the language of the reader', () => {
    const layer = { key: 'k', name_zh: '化粪池', name_en: 'Septic tanks', style: { letter: '池' } } as never
    expect([layerLetter(layer, 'zh-CN'), layerLetter(layer, 'en')]).toEqual(['池', 'S'])
  })

  it('lead to the list behind a figure', () => {
    expect(casesOfDay('2026-07-21', 'video')).toBe('/cases?queue=all&since=2026-07-21T00%3A00%3A00%2B08%3A00&source=video')
    expect(casesOfDay(undefined)).toBe('/cases?queue=all')
    expect(queueList('to_check')).toBe('/cases?queue=check')
  })
})

import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl'

import { api } from '@/api/client'
import type { Districts } from '@/api/types'
import { cityBounds, type Bounds } from '@/lib/districts'
import type { Palette } from '@/lib/palette'

type Properties = { code: string; name: string; name_en?: string; short_name?: string; centroid?: [number, number]; source?: string }
type Outlines = GeoJSON.FeatureCollection<GeoJSON.Geometry, Properties>

/** From these zooms on streets and communities are asked for; names come later. */
const STREETS = 9.5
const COMMUNITIES = 13.4
const MOST = 16

const overlaps = (a: Bounds, b: Bounds): boolean => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]

function boundsOf(geometry: GeoJSON.Geometry, code: string): Bounds {
  return cityBounds({ type: 'FeatureCollection', features: [{ type: 'Feature', geometry, properties: { code } }] } as unknown as Districts)
}

interface Options {
  language: () => string
  /** Called when outlines are shown that were made from places instead of surveyed. */
  onGenerated: () => void
}

/** Streets and communities under what stands on the map, so that it says where also without a base map. */
export function addGround(map: MapLibre, districts: Districts, colours: Palette, { language, onGenerated }: Options): { look: () => void } {
  const empty: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] }
  const asked = new Map<string, Promise<void>>()
  const known = new Map<string, { outlines: Outlines; boxes: Bounds[] }>()
  const drawn: Record<string, string> = {}

  function level(id: string, minzoom: number, line: string, nameFrom: number, ink: string): void {
    map.addSource(id, { type: 'geojson', data: empty })
    map.addSource(`${id}-names`, { type: 'geojson', data: empty })
    map.addLayer({ id: `${id}-line`, type: 'line', source: id, minzoom, paint: { 'line-color': line, 'line-width': 1 } }, 'district-line')
    map.addLayer(
      {
        id: `${id}-name`,
        type: 'symbol',
        source: `${id}-names`,
        minzoom: nameFrom,
        layout: { 'text-field': ['get', 'label'], 'text-size': 12, 'text-font': ['Noto Sans CJK SC'], 'text-padding': 6 },
        paint: { 'text-color': ink, 'text-halo-color': colours.surface, 'text-halo-width': 1.4 },
      },
      'district-name',
    )
  }
  level('communities', COMMUNITIES, colours.line2, 14.6, colours.ink3)
  level('streets', STREETS, '#CBD3DD', 11, colours.ink3)

  function ask(code: string): void {
    if (asked.has(code)) return
    const one = api
      .get<Outlines>(`/regions/${encodeURIComponent(code)}/children.geojson`)
      .then((outlines) => {
        known.set(code, { outlines, boxes: outlines.features.map((f) => boundsOf(f.geometry, f.properties.code)) })
        if (outlines.features.some((f) => f.properties.source === 'generated')) onGenerated()
        look()
      })
      // A division without outlines: what lies above it stays. Asked again at the next move.
      .catch(() => void asked.delete(code))
    asked.set(code, one)
  }

  function draw(id: string, parents: string[]): void {
    const there = parents.filter((code) => known.has(code))
    const mark = `${language()} ${there.join()}`
    if (drawn[id] === mark) return
    drawn[id] = mark
    const features = there.flatMap((code) => known.get(code)!.outlines.features)
    const label = (p: Properties): string => (language() === 'en' ? p.name_en || p.name : p.short_name || p.name)
    map.getSource<GeoJSONSource>(id)?.setData({ type: 'FeatureCollection', features })
    map.getSource<GeoJSONSource>(`${id}-names`)?.setData({
      type: 'FeatureCollection',
      features: features.flatMap(({ properties: p }) =>
        p.centroid ? [{ type: 'Feature' as const, properties: { label: label(p) }, geometry: { type: 'Point' as const, coordinates: p.centroid } }] : [],
      ),
    })
  }

  function look(): void {
    const zoom = map.getZoom()
    if (zoom < STREETS) return
    const b = map.getBounds()
    const view: Bounds = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()]
    const seen = districts.features.filter((f) => overlaps(boundsOf(f.geometry, f.properties.code), view)).map((f) => f.properties.code)
    seen.slice(0, MOST).forEach(ask)
    draw('streets', seen)
    if (zoom < COMMUNITIES) return
    const streets = seen.flatMap((code) => {
      const district = known.get(code)
      return district ? district.outlines.features.filter((_, at) => overlaps(district.boxes[at]!, view)).map((f) => f.properties.code) : []
    })
    streets.slice(0, MOST).forEach(ask)
    draw('communities', streets)
  }

  return { look }
}

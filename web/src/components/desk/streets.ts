import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl'

import { api } from '@/api/client'
import { palette } from '@/lib/palette'

type Outlines = GeoJSON.FeatureCollection<GeoJSON.Geometry, { code: string; name: string; centroid?: [number, number] }>

const known = new Map<string, Promise<Outlines>>()

function outlines(district: string): Promise<Outlines> {
  const there = known.get(district)
  if (there) return there
  const asked = api.get<Outlines>(`/regions/${district}/children.geojson`)
  known.set(district, asked)
  asked.catch(() => known.delete(district))
  return asked
}

const names = (streets: Outlines): GeoJSON.FeatureCollection => ({
  type: 'FeatureCollection',
  features: streets.features.flatMap((f) =>
    f.properties.centroid ? [{ type: 'Feature' as const, properties: { name: f.properties.name }, geometry: { type: 'Point' as const, coordinates: f.properties.centroid } }] : [],
  ),
})

/**
 * Lays the streets of a district under what stands on a map, so that it says where without a base map.
 * The answer shows another area: its district's streets, and its own street tinted.
 */
export function addStreets(map: MapLibre): (region: string | null | undefined) => Promise<void> {
  const c = palette()
  const empty: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] }
  map.addSource('streets', { type: 'geojson', data: empty })
  map.addSource('street-names', { type: 'geojson', data: empty })
  const below = map.getLayer('district-line') ? 'district-line' : undefined
  map.addLayer({ id: 'street-here', type: 'fill', source: 'streets', filter: ['==', ['get', 'code'], ''], paint: { 'fill-color': c.accent, 'fill-opacity': 0.08 } }, below)
  map.addLayer({ id: 'street-line', type: 'line', source: 'streets', paint: { 'line-color': '#CBD3DD', 'line-width': 1 } }, below)
  map.addLayer({
    id: 'street-name',
    type: 'symbol',
    source: 'street-names',
    minzoom: 9.5,
    layout: { 'text-field': ['get', 'name'], 'text-size': 12, 'text-font': ['Noto Sans CJK SC'], 'text-variable-anchor': ['center', 'top', 'bottom'], 'text-radial-offset': 1.4 },
    paint: { 'text-color': c.ink3, 'text-halo-color': c.surface, 'text-halo-width': 1.4 },
  })
  let drawn = ''
  return async (region) => {
    const district = (region ?? '').slice(0, 6)
    if (district.length < 6 || !map.getLayer('street-here')) return
    map.setFilter('street-here', ['==', ['get', 'code'], (region ?? '').slice(0, 9)])
    if (drawn === district) return
    drawn = district
    // A district without outlines of its streets: the pin and the district stay.
    const streets = await outlines(district).catch(() => null)
    if (!streets || drawn !== district) return
    map.getSource<GeoJSONSource>('streets')?.setData(streets)
    map.getSource<GeoJSONSource>('street-names')?.setData(names(streets))
  }
}

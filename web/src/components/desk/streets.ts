import { api } from '@/api/client'

export type Outlines = GeoJSON.FeatureCollection<GeoJSON.Geometry, { code: string; name: string; centroid?: [number, number] }>

const known = new Map<string, Promise<Outlines>>()

/** The outlines of a district's streets; read once. */
export function streetOutlines(district: string): Promise<Outlines> {
  const there = known.get(district)
  if (there) return there
  const asked = api.get<Outlines>(`/regions/${district}/children.geojson`)
  known.set(district, asked)
  asked.catch(() => known.delete(district))
  return asked
}

import { api } from '@/api/client'
import type { Districts } from '@/api/types'

let known: Promise<Districts> | null = null

/** The outlines of the districts; read once, kept for every map. */
export function loadDistricts(): Promise<Districts> {
  known ??= api.get<Districts>('/regions/districts.geojson').catch((problem: unknown) => {
    known = null
    throw problem
  })
  return known
}

export type Bounds = [number, number, number, number]

function widen(bounds: Bounds, coordinates: unknown): void {
  if (!Array.isArray(coordinates)) return
  if (typeof coordinates[0] === 'number' && typeof coordinates[1] === 'number') {
    const [x, y] = coordinates as [number, number]
    bounds[0] = Math.min(bounds[0], x)
    bounds[1] = Math.min(bounds[1], y)
    bounds[2] = Math.max(bounds[2], x)
    bounds[3] = Math.max(bounds[3], y)
  } else for (const part of coordinates) widen(bounds, part)
}

/** West, south, east, north of all districts together, or of those with the given codes. */
export function cityBounds(districts: Districts, codes?: string[]): Bounds {
  const bounds: Bounds = [180, 90, -180, -90]
  for (const feature of districts.features) {
    if (!codes || codes.includes(feature.properties.code)) widen(bounds, feature.geometry.coordinates)
  }
  return bounds
}

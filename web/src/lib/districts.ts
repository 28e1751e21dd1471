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

type Ring = [number, number][]

function inRing([x, y]: [number, number], ring: Ring): boolean {
  let inside = false
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [xi, yi] = ring[i]!
    const [xj, yj] = ring[j]!
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside
  }
  return inside
}

function covers(geometry: GeoJSON.Geometry, point: [number, number]): boolean {
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.type === 'MultiPolygon' ? geometry.coordinates : []
  return polygons.some(([outer, ...holes]) => inRing(point, outer as Ring) && !holes.some((hole) => inRing(point, hole as Ring)))
}

export const within = (box: Bounds, lon: number, lat: number): boolean => lon >= box[0] && lon <= box[2] && lat >= box[1] && lat <= box[3]

const STEPS = 22
const FEWEST = 6

/**
 * Where in a frame the name of each district goes: the place furthest from its borders and from the frame.
 * A district of which the frame shows a sliver only gets no name.
 */
export function labelPlaces(districts: Districts, frame: Bounds): Map<string, [number, number]> {
  const samples: { x: number; y: number; edge: number; code: string | null }[] = []
  const at = (i: number, from: number, to: number): number => from + ((to - from) * (i + 0.5)) / STEPS
  for (let i = 0; i < STEPS; i += 1) {
    for (let j = 0; j < STEPS; j += 1) {
      const point: [number, number] = [at(i, frame[0], frame[2]), at(j, frame[1], frame[3])]
      const code = districts.features.find((f) => covers(f.geometry, point))?.properties.code ?? null
      samples.push({ x: i, y: j, code, edge: Math.min((Math.min(i, STEPS - 1 - i) + 0.5) / 2, Math.min(j, STEPS - 1 - j) + 0.5) })
    }
  }
  const places = new Map<string, [number, number]>()
  for (const code of new Set(samples.map((s) => s.code))) {
    const own = samples.filter((s) => s.code === code)
    if (code === null || own.length < FEWEST) continue
    const others = samples.filter((s) => s.code !== code)
    // A name is wider than high: the sides of the frame count double.
    const room = (s: { x: number; y: number; edge: number }): number => others.reduce((least, o) => Math.min(least, Math.hypot(o.x - s.x, o.y - s.y)), s.edge)
    const best = own.map((s) => ({ s, room: room(s) })).reduce((a, b) => (b.room > a.room ? b : a)).s
    places.set(code, [at(best.x, frame[0], frame[2]), at(best.y, frame[1], frame[3])])
  }
  return places
}

import type { ExpressionSpecification, GeoJSONSource, Map as MapLibre } from 'maplibre-gl'

import type { MapLayer } from '@/api/types'
import type { Palette } from '@/lib/palette'

/** West, south, east, north. */
export type Box = [number, number, number, number]

/** The box grown on each side by a share of its size, so that small moves need no new question. */
export function grown(box: Box, share: number): Box {
  const w = (box[2] - box[0]) * share
  const h = (box[3] - box[1]) * share
  return [box[0] - w, box[1] - h, box[2] + w, box[3] + h]
}

export function holds(outer: Box, inner: Box): boolean {
  return outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3]
}

/** The sign of a trade on the map: given by the pack, else the first letter of the layer's name. */
export function layerLetter(layer: MapLayer, locale: string): string {
  const name = locale === 'en' ? layer.name_en : layer.name_zh
  return layer.style?.letter ?? [...name.trim()][0] ?? '•'
}

/** A small square with the trade's sign: full when heard, hollow when silent. */
function square(letter: string, heard: boolean, colours: Palette, size: number, ratio: number): ImageData {
  const canvas = document.createElement('canvas')
  const full = Math.round((size + 4) * ratio)
  canvas.width = canvas.height = full
  const draw = canvas.getContext('2d')!
  const inset = 2 * ratio
  draw.beginPath()
  draw.roundRect(inset, inset, full - 2 * inset, full - 2 * inset, 4 * ratio)
  draw.fillStyle = heard ? colours.accent : colours.surface
  draw.fill()
  draw.lineWidth = 1.5 * ratio
  draw.strokeStyle = heard ? colours.surface : colours.off
  draw.stroke()
  draw.fillStyle = heard ? colours.surface : colours.ink2
  draw.font = `700 ${Math.round(size * 0.6 * ratio)}px ${colours.font}`
  draw.textAlign = 'center'
  draw.textBaseline = 'middle'
  draw.fillText(letter, full / 2, full / 2 + ratio * 0.5)
  return draw.getImageData(0, 0, full, full)
}

const NO_LEVEL = 9
const own = (property: string, otherwise: unknown): ExpressionSpecification =>
  ['coalesce', ['get', property], otherwise] as unknown as ExpressionSpecification

export function addPointLayer(map: MapLibre, layer: MapLayer, colours: Palette, locale: string, below: string): void {
  const id = `layer-${layer.key}`
  const ratio = Math.max(2, window.devicePixelRatio)
  const letter = layerLetter(layer, locale)
  for (const heard of [true, false]) {
    const image = `${id}-${heard ? 'heard' : 'silent'}`
    if (map.hasImage(image)) map.removeImage(image)
    map.addImage(image, square(letter, heard, colours, 18, ratio), { pixelRatio: ratio })
  }
  if (map.getSource(id)) return
  map.addSource(id, {
    type: 'geojson',
    data: { type: 'FeatureCollection', features: [] },
    cluster: true,
    clusterRadius: 44,
    clusterMaxZoom: 14,
    clusterProperties: {
      // Points may arrive already counted together by the server.
      count: ['+', own('count', 1)],
      level: ['min', own('level', NO_LEVEL)],
    },
  })
  const count: ExpressionSpecification = own('count', 1)
  const many: ExpressionSpecification = ['>', count, 1]
  map.addLayer(
    {
      id: `${id}-many`,
      type: 'circle',
      source: id,
      filter: many,
      paint: {
        'circle-color': colours.surface,
        'circle-stroke-color': colours.accent,
        'circle-stroke-width': 2,
        'circle-radius': ['interpolate', ['linear'], ['ln', count], 0.7, 11, 4.6, 18, 9.2, 28],
      },
    },
    below,
  )
  map.addLayer(
    {
      id: `${id}-count`,
      type: 'symbol',
      source: id,
      filter: many,
      layout: {
        'text-field': ['case', ['>=', count, 10000], ['concat', ['to-string', ['round', ['/', count, 1000]]], 'k'], ['to-string', count]],
        'text-font': ['Noto Sans CJK SC'],
        'text-size': 12,
        'text-allow-overlap': true,
      },
      paint: { 'text-color': colours.accent },
    },
    below,
  )
  map.addLayer(
    {
      id: `${id}-one`,
      type: 'symbol',
      source: id,
      filter: ['!', many],
      layout: {
        'icon-image': [
          'case',
          ['<', own('level', NO_LEVEL), NO_LEVEL],
          ['concat', 'level-', ['to-string', ['get', 'level']]],
          ['==', ['get', 'connection'], 'online'],
          `${id}-heard`,
          `${id}-silent`,
        ],
        'icon-allow-overlap': true,
        'text-field': ['step', ['zoom'], '', 15, own('name', '')],
        'text-font': ['Noto Sans CJK SC'],
        'text-size': 12,
        'text-anchor': 'top',
        'text-offset': [0, 0.9],
        'text-optional': true,
      },
      paint: { 'text-color': colours.ink, 'text-halo-color': colours.surface, 'text-halo-width': 1.4 },
    },
    below,
  )
}

export function layerIds(key: string): string[] {
  return ['many', 'count', 'one'].map((part) => `layer-${key}-${part}`)
}

export function setLayer(map: MapLibre, key: string, data: GeoJSON.FeatureCollection): void {
  map.getSource<GeoJSONSource>(`layer-${key}`)?.setData(data)
}

export function showLayer(map: MapLibre, key: string, shown: boolean): void {
  for (const id of layerIds(key)) if (map.getLayer(id)) map.setLayoutProperty(id, 'visibility', shown ? 'visible' : 'none')
}

/** How many things a layer's answer stands for. */
export function countOf(data: GeoJSON.FeatureCollection): number {
  return data.features.reduce((sum, f) => sum + (typeof f.properties?.count === 'number' ? f.properties.count : 1), 0)
}

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

/** The sign of a trade on the map: given by the pack, which writes Chinese, else the first letter of the layer's name. */
export function layerLetter(layer: MapLayer, locale: string): string {
  const name = locale === 'en' ? layer.name_en : layer.name_zh
  const first = [...name.trim()][0] ?? '•'
  return locale === 'en' ? first : (layer.style?.letter ?? first)
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

const own = (property: string, otherwise: unknown): ExpressionSpecification =>
  ['coalesce', ['get', property], otherwise] as unknown as ExpressionSpecification

const SOURCE = 'objects'
export const OBJECT_LAYERS: readonly string[] = ['objects-many', 'objects-count', 'objects-one']

/** All layers share one source, so that things of different kinds that would cover each other are counted together. */
export function addObjects(map: MapLibre, colours: Palette, below: string): void {
  map.addSource(SOURCE, {
    type: 'geojson',
    data: { type: 'FeatureCollection', features: [] },
    cluster: true,
    clusterRadius: 48,
    clusterMaxZoom: 13,
    // Points may arrive already counted together by the server.
    clusterProperties: { count: ['+', own('count', 1)] },
  })
  const count: ExpressionSpecification = own('count', 1)
  const many: ExpressionSpecification = ['>', count, 1]
  map.addLayer(
    {
      id: 'objects-many',
      type: 'circle',
      source: SOURCE,
      filter: many,
      paint: {
        'circle-color': colours.soft,
        'circle-stroke-color': colours.softLine,
        'circle-stroke-width': 1.5,
        'circle-radius': ['interpolate', ['linear'], ['ln', count], 0.7, 11, 4.6, 17, 9.2, 28],
      },
    },
    below,
  )
  map.addLayer(
    {
      id: 'objects-count',
      type: 'symbol',
      source: SOURCE,
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
      id: 'objects-one',
      type: 'symbol',
      source: SOURCE,
      filter: ['!', many],
      layout: {
        'icon-image': ['concat', 'sign-', ['get', 'layer'], ['case', ['any', ['==', ['get', 'connection'], 'online'], ['>', own('online', 0), 0]], '-heard', '-silent']],
        'icon-allow-overlap': true,
        'text-field': ['step', ['zoom'], '', 15, own('name', '')],
        'text-font': ['Noto Sans CJK SC'],
        'text-size': 12,
        'text-anchor': 'top',
        'text-offset': [0, 0.9],
        'text-optional': true,
      },
      paint: { 'text-color': colours.ink2, 'text-halo-color': colours.surface, 'text-halo-width': 1.4 },
    },
    below,
  )
}

/** The sign of a layer, heard and silent. */
export function addSign(map: MapLibre, layer: MapLayer, colours: Palette, locale: string): void {
  const ratio = Math.max(2, window.devicePixelRatio)
  for (const heard of [true, false]) {
    const image = `sign-${layer.key}-${heard ? 'heard' : 'silent'}`
    if (map.hasImage(image)) map.removeImage(image)
    map.addImage(image, square(layerLetter(layer, locale), heard, colours, 18, ratio), { pixelRatio: ratio })
  }
}

/** The answers of the shown layers as one, each thing knowing its layer. */
export function together(answers: Iterable<[string, GeoJSON.FeatureCollection]>): GeoJSON.FeatureCollection {
  const features: GeoJSON.Feature[] = []
  for (const [layer, data] of answers) for (const f of data.features) features.push({ ...f, properties: { ...f.properties, layer } })
  return { type: 'FeatureCollection', features }
}

export function showObjects(map: MapLibre, data: GeoJSON.FeatureCollection): void {
  map.getSource<GeoJSONSource>(SOURCE)?.setData(data)
}

/** How many things a layer's answer stands for. */
export function countOf(data: GeoJSON.FeatureCollection): number {
  return data.features.reduce((sum, f) => sum + (typeof f.properties?.count === 'number' ? f.properties.count : 1), 0)
}

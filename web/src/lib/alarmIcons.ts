import type { GeoJSONSource, Map as MapLibre, Marker as MarkerType } from 'maplibre-gl'

import type { Alarm, Level } from '@/api/types'

import type { Palette } from './palette'

const LEVELS: readonly Level[] = [1, 2, 3, 4]

/** A disc in the law's colour with its letter, drawn once per level and language. */
function disc(letter: string, fill: string, ink: string, rim: string, font: string, size: number, ratio: number): ImageData {
  const canvas = document.createElement('canvas')
  const full = Math.round((size + 4) * ratio)
  canvas.width = canvas.height = full
  const draw = canvas.getContext('2d')!
  const middle = full / 2
  draw.beginPath()
  draw.arc(middle, middle, (size / 2) * ratio, 0, Math.PI * 2)
  draw.fillStyle = fill
  draw.fill()
  draw.lineWidth = 1.5 * ratio
  draw.strokeStyle = rim
  draw.stroke()
  draw.fillStyle = ink
  draw.font = `700 ${Math.round(size * 0.56 * ratio)}px ${font}`
  draw.textAlign = 'center'
  draw.textBaseline = 'middle'
  draw.fillText(letter, middle, middle + ratio * 0.5)
  return draw.getImageData(0, 0, full, full)
}

export function addLevelIcons(map: MapLibre, colours: Palette, letter: (level: Level) => string, size: number): void {
  const ratio = Math.max(2, window.devicePixelRatio)
  for (const level of LEVELS) {
    const { fill, ink } = colours.levels[level]
    const image = disc(letter(level), fill, ink, colours.ground, colours.font, size, ratio)
    const id = `level-${level}`
    if (map.hasImage(id)) map.removeImage(id)
    map.addImage(id, image, { pixelRatio: ratio })
  }
}

export function alarmPoints(alarms: Alarm[]): GeoJSON.FeatureCollection<GeoJSON.Point> {
  return {
    type: 'FeatureCollection',
    features: alarms.flatMap((alarm) =>
      alarm.place
        ? [
            {
              type: 'Feature' as const,
              properties: { id: alarm.id, level: alarm.level },
              geometry: { type: 'Point' as const, coordinates: [alarm.place.lon, alarm.place.lat] },
            },
          ]
        : [],
    ),
  }
}

/**
 * Alarms as discs; those that would cover each other become one disc of the worst level with their number.
 * `raised` lifts the discs by some pixels, off the signs of the devices below.
 */
export function addAlarmLayers(map: MapLibre, colours: Palette, radius: number, raised = 0): void {
  map.addSource('alarms', {
    type: 'geojson',
    data: alarmPoints([]),
    cluster: true,
    clusterRadius: radius,
    clusterMaxZoom: 15,
    clusterProperties: { level: ['min', ['get', 'level']] },
  })
  map.addLayer({
    id: 'alarms',
    type: 'symbol',
    source: 'alarms',
    layout: {
      'icon-image': ['concat', 'level-', ['to-string', ['get', 'level']]],
      'icon-allow-overlap': true,
      'icon-offset': [0, -raised],
      'symbol-sort-key': ['-', 0, ['get', 'level']],
      'symbol-z-order': 'auto',
      'text-field': ['case', ['has', 'point_count'], ['to-string', ['get', 'point_count']], ''],
      'text-font': ['Noto Sans CJK SC'],
      'text-size': 12,
      'text-anchor': 'left',
      'text-offset': [1.05, -raised / 12],
      'text-allow-overlap': true,
    },
    paint: { 'text-color': colours.ink, 'text-halo-color': colours.ground, 'text-halo-width': 1.6 },
  })
}

const drawn = new WeakMap<MapLibre, string>()

/** Draws the alarms; what stands there already is not drawn again. */
export function showAlarms(map: MapLibre, alarms: Alarm[]): void {
  const source = map.getSource<GeoJSONSource>('alarms')
  const points = alarmPoints(alarms)
  const mark = JSON.stringify(points.features)
  if (!source || drawn.get(map) === mark) return
  drawn.set(map, mark)
  source.setData(points)
}

/** An alarm that has just come: two rings run out from its place, then it stands still. */
export function pulseAlarm(map: MapLibre, Marker: typeof MarkerType, alarm: Alarm, raised = 0): void {
  if (!alarm.place) return
  const element = document.createElement('div')
  element.className = `cy-pulse l${alarm.level}`
  const marker = new Marker({ element, offset: [0, -raised] }).setLngLat([alarm.place.lon, alarm.place.lat]).addTo(map)
  setTimeout(() => marker.remove(), 2600)
}

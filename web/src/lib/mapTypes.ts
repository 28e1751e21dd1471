import type { Map as MapLibre, Marker } from 'maplibre-gl'

import type { Districts } from '@/api/types'

export interface MapProps {
  /** Said to screen readers. */
  label: string
  /** Longitude and latitude; without it the whole city is shown. */
  center?: [number, number] | undefined
  zoom?: number | undefined
  /** West, south, east, north: shown instead of centre and zoom. */
  bounds?: [number, number, number, number] | undefined
  /** Pixels kept free around what is shown. */
  padding?: number | undefined
  dark?: boolean | undefined
  /** No panning, zooming or keyboard: a picture. */
  still?: boolean | undefined
  /** Names of districts; on by default. */
  names?: boolean | undefined
  /** A pin at the centre, for object pages. */
  pin?: boolean | undefined
  /** Leave out the base map although one is set. */
  plain?: boolean | undefined
  /** Zoom buttons; on by default on maps that move. */
  controls?: boolean | undefined
}

export interface MapReady {
  map: MapLibre
  districts: Districts
  /** The marker class, so that pages need not load the map code themselves. */
  Marker: typeof Marker
}

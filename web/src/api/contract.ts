/**
 * The paths of the server in the shape that openapi-fetch wants.
 * Written by hand until the server's OpenAPI document is generated into schema.d.ts.
 */
import type {
  About,
  Alarm,
  AlarmSummary,
  Case,
  CaseFigures,
  Device,
  DeviceSummary,
  Districts,
  MapLayer,
  Me,
  Page,
} from './types'

type Json<T> = { content: { 'application/json': T } }
type Empty = { content: { 'application/json': never } }
/* eslint-disable @typescript-eslint/no-explicit-any */
type Params<Path, Query> = {
  parameters: ([Path] extends [never] ? { path?: never } : { path: Path }) & { query?: Query; header?: any; cookie?: any }
}
type NoPath = never
/** Any query parameter: the server is the judge of what it understands. */
export type AnyQuery = Record<string, string | number | boolean | null | undefined | (string | number)[]>

export type Get<R, Path = NoPath, Query = AnyQuery> = Params<Path, Query> & { responses: { 200: Json<R> } }
export type Send<R, Body = any, Path = NoPath> = Params<Path, AnyQuery> & {
  requestBody?: { content: { 'application/json': Body } }
  responses: { 200: Json<R> }
}
export type Drop<Path = NoPath> = Params<Path, AnyQuery> & { responses: { 204: Empty } }
type Id = { id: string }

export interface paths {
  '/session': { get: Get<Me>; post: Send<Me, { username: string; password: string }>; delete: Drop }
  '/about': { get: Get<About> }
  '/regions/districts.geojson': { get: Get<Districts> }
  '/alarms': { get: Get<Page<Alarm>> }
  '/alarms/summary': { get: Get<AlarmSummary> }
  '/alarms/{id}': { get: Get<Alarm, Id> }
  '/devices': { get: Get<Page<Device>> }
  '/devices/summary': { get: Get<DeviceSummary[]> }
  '/devices/{id}': { get: Get<Device, Id> }
  '/cases': { get: Get<Page<Case>>; post: Send<Case> }
  '/cases/figures': { get: Get<CaseFigures> }
  '/cases/{id}': { get: Get<Case, Id> }
  '/map/layers': { get: Get<MapLayer[]> }
  '/map/layers/{key}/features': { get: Get<GeoJSON.FeatureCollection, { key: string }> }
}

import { computed, onScopeDispose, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import { api } from '@/api/client'
import type { Alarm, AlarmSummary, CaseFigures, DeviceSummary, DistrictDevices, Districts, Page } from '@/api/types'
import { loadDistricts } from '@/lib/districts'
import { useLive } from '@/live/store'
import { useAbout } from '@/stores/about'
import { useSession } from '@/stores/session'

/** How many open alarms the wall holds: the most severe and newest. */
const ALARMS = 100
const POLL_MS = 60_000

export interface Reading<T> {
  value: ShallowRef<T | null>
  error: ShallowRef<unknown>
  /** City time at which the value was read. */
  at: Ref<number | null>
  allowed: ComputedRef<boolean>
  read: () => Promise<void>
}

/** One question to the server, kept with its answer, its error and the moment. An old answer stays while a new one is read. */
function useReading<T>(permission: string, ask: () => Promise<T>): Reading<T> {
  const session = useSession()
  const about = useAbout()
  const value = shallowRef<T | null>(null)
  const error = shallowRef<unknown>(null)
  const at = ref<number | null>(null)
  const allowed = computed(() => session.can(permission))
  let running: Promise<void> | null = null

  async function once(): Promise<void> {
    try {
      value.value = await ask()
      at.value = about.now
      error.value = null
    } catch (problem) {
      error.value = problem
    }
  }
  function read(): Promise<void> {
    if (!allowed.value) return Promise.resolve()
    running ??= once().finally(() => (running = null))
    return running
  }
  return { value, error, at, allowed, read }
}

/** Calls at most once per interval, the last call never lost. */
function throttled(action: () => void, interval: number): { call: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = -Infinity
  return {
    call() {
      if (timer !== undefined) return
      timer = setTimeout(
        () => {
          timer = undefined
          last = performance.now()
          action()
        },
        Math.max(200, last + interval - performance.now()),
      )
    },
    stop: () => clearTimeout(timer),
  }
}

export interface CockpitData {
  figures: Reading<CaseFigures>
  alarms: Reading<Page<Alarm>>
  summary: Reading<AlarmSummary>
  devices: Reading<DeviceSummary[]>
  queues: Reading<Record<string, number>>
  online: Reading<DistrictDevices[]>
  districts: ShallowRef<Districts | null>
  /** Alarms that were not there at the last reading: they pulse once. */
  arrived: ShallowRef<Alarm[]>
}

/** Everything the wall shows: read at once, again each minute, and soon after a live event says that it has changed. */
export function useCockpitData(): CockpitData {
  const figures = useReading('case.read', () => api.get<CaseFigures>('/cases/figures'))
  const alarms = useReading('alarm.read', () => api.get<Page<Alarm>>('/alarms', { state: 'open', limit: ALARMS }))
  const summary = useReading('alarm.read', () => api.get<AlarmSummary>('/alarms/summary'))
  const devices = useReading('device.read', () => api.get<DeviceSummary[]>('/devices/summary'))
  const queues = useReading('case.read', () => api.get<Record<string, number>>('/cases/queues'))
  const online = useReading('device.read', () => api.get<DistrictDevices[]>('/devices/summary', { by: 'district' }))
  const districts = shallowRef<Districts | null>(null)
  const arrived = shallowRef<Alarm[]>([])
  let known: Set<string> | null = null

  async function readAlarms(): Promise<void> {
    await Promise.all([alarms.read(), summary.read()])
    const items = alarms.value.value?.items
    if (!items) return
    const before = known
    if (before) arrived.value = items.filter((a) => !before.has(a.id))
    known = new Set([...(before ?? []), ...items.map((a) => a.id)])
  }

  function readAll(): void {
    void readAlarms()
    void figures.read()
    void devices.read()
    void queues.read()
    void online.read()
  }

  const onAlarm = throttled(() => void readAlarms(), 2_000)
  const onCase = throttled(() => {
    void figures.read()
    void queues.read()
  }, 8_000)
  useLive(
    ['alarm', 'case'],
    (event) => (event.type.startsWith('alarm.') ? onAlarm : onCase).call(),
    readAll,
  )

  loadDistricts()
    .then((value) => (districts.value = value))
    .catch(() => {})
  readAll()
  const polling = setInterval(readAll, POLL_MS)
  onScopeDispose(() => {
    clearInterval(polling)
    onAlarm.stop()
    onCase.stop()
  })
  return { figures, alarms, summary, devices, queues, online, districts, arrived }
}

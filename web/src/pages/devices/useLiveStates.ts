import { onScopeDispose } from 'vue'

import type { Device, Metric } from '@/api/types'
import { useLive } from '@/live/store'

export interface LiveState {
  id: string
  connection?: Device['state']['connection']
  last_seen?: string | null
  metrics?: Record<string, Metric>
}

/** Bundles come every second for each district: they are put on the screen together, at most once a second. */
const GATHER_MS = 1000

/** One device with what a live bundle says about it. */
export function withState<T extends Device>(device: T, state: LiveState): T {
  return {
    ...device,
    state: {
      ...device.state,
      connection: state.connection ?? device.state.connection,
      last_seen: state.last_seen ?? device.state.last_seen,
      metrics: { ...device.state.metrics, ...state.metrics },
    },
  }
}

/**
 * Live states of the devices that `wants` names, gathered and given to `apply`. `alarmed` hears of devices whose alarms
 * changed; `gap` of a time in which something may have been missed.
 */
export function useLiveStates(options: {
  wants: (id: string) => boolean
  apply: (states: Map<string, LiveState>) => void
  alarmed?: (ids: Set<string>) => void
  changed?: () => void
  gap: () => void
}): void {
  const states = new Map<string, LiveState>()
  const alarms = new Set<string>()
  let other = false
  let timer: ReturnType<typeof setTimeout> | undefined

  function flush(): void {
    timer = undefined
    if (states.size > 0) options.apply(new Map(states))
    if (alarms.size > 0) options.alarmed?.(new Set(alarms))
    if (other) options.changed?.()
    states.clear()
    alarms.clear()
    other = false
  }
  function later(): void {
    timer ??= setTimeout(flush, GATHER_MS)
  }

  useLive(
    ['device', 'alarm'],
    (event) => {
      if (event.type === 'device.state') {
        const bundle = (event.data as { states?: LiveState[] }).states ?? []
        for (const state of bundle) {
          if (!options.wants(state.id)) continue
          const before = states.get(state.id)
          states.set(state.id, { ...before, ...state, metrics: { ...before?.metrics, ...state.metrics } })
        }
        if (states.size > 0) later()
        return
      }
      if (event.type.startsWith('alarm.')) {
        const id = (event.data as { device_id?: unknown }).device_id
        if (typeof id === 'string' && options.wants(id)) alarms.add(id)
      }
      other = true
      later()
    },
    options.gap,
  )
  onScopeDispose(() => clearTimeout(timer))
}

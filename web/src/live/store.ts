import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref } from 'vue'

import type { Envelope } from '@/api/types'

import { backOff, StreamParser, type StreamMessage } from './stream'

export type LiveState = 'off' | 'connecting' | 'live' | 'lost' | 'asleep'

export interface LiveEvent extends Envelope {
  /** `alarm.raised`, `case.filed`, `device.state`, … */
  type: string
}

export interface LiveListener {
  topics: string[]
  onEvent: (event: LiveEvent) => void
  /** Called after a gap in which events may have been missed: read the list again. */
  onGap?: (() => void) | undefined
}

/** The server beats every 15 s; silence for three beats means that the line is dead although nobody said so. */
const SILENCE_MS = 45_000
/** A hidden tab gives its connection back: browsers allow six per server over HTTP/1.1. */
const SLEEP_AFTER_MS = 60_000

/** Followed on every page, so that the indicator tells the truth and a new page need not connect anew. */
const ALWAYS = ['alarm', 'case']

export const useLiveStore = defineStore('live', () => {
  const state = ref<LiveState>('off')
  const lastEventAt = ref<number | null>(null)
  const listeners = new Set<LiveListener>()
  let wanted = false
  let abort: AbortController | null = null
  let topicsNow = ''
  let attempt = 0
  let lastId: string | null = null
  let retryTimer: ReturnType<typeof setTimeout> | undefined
  let silenceTimer: ReturnType<typeof setTimeout> | undefined
  let sleepTimer: ReturnType<typeof setTimeout> | undefined

  function topics(): string {
    const all = new Set<string>(ALWAYS)
    for (const listener of listeners) for (const topic of listener.topics) all.add(topic)
    return [...all].sort().join(',')
  }

  function heard(): void {
    clearTimeout(silenceTimer)
    silenceTimer = setTimeout(() => abort?.abort('silence'), SILENCE_MS)
  }

  function missed(): void {
    for (const listener of [...listeners]) listener.onGap?.()
  }

  function deliver(message: StreamMessage): void {
    if (message.id) lastId = message.id
    lastEventAt.value = Date.now()
    if (message.event === 'lost') {
      // We read too slowly and the server dropped messages.
      missed()
      return
    }
    let envelope: Envelope
    try {
      const raw = JSON.parse(message.data) as Record<string, unknown>
      // Device states come bare, without the envelope of an event.
      envelope = ('data' in raw ? raw : { ...raw, data: raw }) as unknown as Envelope
    } catch {
      return
    }
    const type = message.event === 'message' ? String(envelope.subject ?? '').replace(/^ev\./, '') : message.event
    const topic = type.split('.')[0] ?? ''
    for (const listener of [...listeners]) {
      if (listener.topics.includes(topic)) listener.onEvent({ ...envelope, type })
    }
  }

  async function read(signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (lastId) headers['Last-Event-ID'] = lastId
    const response = await fetch(`/api/v1/stream?topics=${encodeURIComponent(topicsNow)}`, {
      headers,
      signal,
      credentials: 'same-origin',
      cache: 'no-store',
    })
    if (!response.ok || !response.body) throw new Error(`stream ${response.status}`)
    const gap = attempt > 0
    state.value = 'live'
    attempt = 0
    heard()
    if (gap) missed()
    const parser = new StreamParser()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heard()
      parser.push(value).forEach(deliver)
    }
  }

  async function connect(): Promise<void> {
    clearTimeout(retryTimer)
    topicsNow = topics()
    if (!wanted) return
    const mine = new AbortController()
    abort?.abort('again')
    abort = mine
    if (state.value !== 'lost') state.value = 'connecting'
    try {
      await read(mine.signal)
    } catch {
      // Lost, refused or told to stop: the reason shows in what follows.
    }
    if (abort !== mine || !wanted) return
    clearTimeout(silenceTimer)
    attempt += 1
    state.value = 'lost'
    retryTimer = setTimeout(() => void connect(), backOff(attempt))
  }

  function wake(): void {
    clearTimeout(sleepTimer)
    if (!wanted) return
    if (document.hidden) {
      sleepTimer = setTimeout(() => {
        state.value = 'asleep'
        abort?.abort('asleep')
        abort = null
      }, SLEEP_AFTER_MS)
    } else if (state.value === 'asleep' || state.value === 'lost') {
      attempt = Math.max(attempt, 1)
      void connect()
    }
  }

  document.addEventListener('visibilitychange', wake)
  window.addEventListener('online', wake)

  function start(): void {
    wanted = true
    lastId = null
    attempt = 0
    void connect()
  }

  function stop(): void {
    wanted = false
    clearTimeout(retryTimer)
    clearTimeout(silenceTimer)
    abort?.abort('stopped')
    abort = null
    state.value = 'off'
  }

  function listen(listener: LiveListener): () => void {
    listeners.add(listener)
    if (wanted && topics() !== topicsNow) queueMicrotask(() => topics() !== topicsNow && void connect())
    return () => listeners.delete(listener)
  }

  const isLive = computed(() => state.value === 'live')
  return { state, isLive, lastEventAt, start, stop, listen }
})

/**
 * Live events for a page: `useLive(['alarm', 'case'], (event) => …, () => reload())`.
 * The third argument is called when the line was down for a while and events may be missing.
 */
export function useLive(topics: string[], onEvent: (event: LiveEvent) => void, onGap?: () => void): void {
  const stop = useLiveStore().listen({ topics, onEvent, onGap })
  onScopeDispose(stop)
}

import { computed, onScopeDispose, ref, shallowRef, type ComputedRef, type Ref } from 'vue'

import type { Page } from '@/api/types'
import type { PagedList } from '@/lib/list'
import { useLive } from '@/live/store'

/** Events come in bursts: they are answered together. */
const GATHER_MS = 800
/** How long a row that has just arrived wears its mark. */
const FRESH_MS = 20_000
/** Rows that left the first page are read singly, up to this many at a time. */
const SINGLE = 10

export interface LiveRows {
  /** Rows held back because somebody is just working in the table. */
  waiting: ComputedRef<number>
  fresh: Ref<Set<string>>
  /** Lets the rows in that were held back. */
  admit: () => void
  refresh: () => Promise<void>
}

/** The first page again with its order, and below it what was read further down. */
export function mergeRows<T>(now: T[], first: T[], key: (row: T) => string): T[] {
  const known = new Set(first.map(key))
  return [...first, ...now.filter((row) => !known.has(key(row)))]
}

/** Only what is there already, each row in its place, with the newer contents. */
export function updateRows<T>(now: T[], newer: T[], key: (row: T) => string): T[] {
  const by = new Map(newer.map((row) => [key(row), row]))
  return now.map((row) => by.get(key(row)) ?? row)
}

/**
 * Keeps a list up to date by live events: known rows change in their places at once; new rows come in by themselves,
 * unless `busy()` says that somebody points at the table: then they wait, so that no click hits the wrong row.
 */
export function useLiveRows<T>(options: {
  list: PagedList<T>
  topic: string
  key: (row: T) => string
  readFirst: (limit: number) => Promise<Page<T>>
  readOne: (id: string) => Promise<T>
  busy: () => boolean
  /** What the list is about (its filters): an answer to another question is dropped. */
  question: () => string
  onChange?: () => void
}): LiveRows {
  const { list, key } = options
  const held = shallowRef<T[]>([])
  const fresh = ref(new Set<string>())
  const changed = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  const timers = new Set<ReturnType<typeof setTimeout>>()

  function mark(ids: string[]): void {
    if (ids.length === 0) return
    fresh.value = new Set([...fresh.value, ...ids])
    const off = setTimeout(() => {
      timers.delete(off)
      fresh.value = new Set([...fresh.value].filter((id) => !ids.includes(id)))
    }, FRESH_MS)
    timers.add(off)
  }

  function admit(): void {
    const before = new Set(list.items.value.map(key))
    list.items.value = mergeRows(list.items.value, held.value, key)
    mark(held.value.map(key).filter((id) => !before.has(id)))
    held.value = []
  }

  async function refresh(): Promise<void> {
    if (list.state.value !== 'ready') return
    const ids = [...changed]
    changed.clear()
    const asked = options.question()
    try {
      const page = await options.readFirst(Math.min(100, Math.max(50, list.items.value.length)))
      const inPage = new Set(page.items.map(key))
      const here = new Set(list.items.value.map(key))
      const left = ids.filter((id) => here.has(id) && !inPage.has(id)).slice(0, SINGLE)
      const singles = (await Promise.allSettled(left.map(options.readOne))).flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []))
      if (list.state.value !== 'ready' || asked !== options.question()) return
      list.items.value = updateRows(list.items.value, [...page.items, ...singles], key)
      held.value = page.items.some((row) => !here.has(key(row))) ? page.items : []
      if (held.value.length > 0 && !options.busy()) admit()
    } catch {
      // A list that cannot be refreshed stays as it is; the lamp of the live connection says so.
    }
  }

  function later(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      void refresh()
      options.onChange?.()
    }, GATHER_MS)
  }

  useLive(
    [options.topic],
    (event) => {
      if (typeof event.data.id === 'string') changed.add(event.data.id)
      later()
    },
    later,
  )
  onScopeDispose(() => {
    clearTimeout(timer)
    timers.forEach(clearTimeout)
  })
  const waiting = computed(() => {
    const here = new Set(list.items.value.map(key))
    return held.value.filter((row) => !here.has(key(row))).length
  })
  return { waiting, fresh, admit, refresh }
}

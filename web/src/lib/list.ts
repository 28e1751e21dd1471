import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import type { Page } from '@/api/types'

export type LoadState = 'loading' | 'ready' | 'failed'

export interface PagedList<T> {
  items: ShallowRef<T[]>
  state: Ref<LoadState>
  /** The problem of the last read, for the error state. */
  error: ShallowRef<unknown>
  loadingMore: Ref<boolean>
  next: Ref<string | null>
  total: Ref<number | null>
  /** Reads the first page again. `quiet` keeps the present rows on the screen meanwhile. */
  reload: (quiet?: boolean) => Promise<void>
  more: () => Promise<void>
  /** Replaces or adds one row that a live event brought. */
  put: (row: T, key: (row: T) => string, atTop?: boolean) => void
}

/** A list read by keyset pages. An answer that was overtaken by a newer question is dropped. */
export function usePagedList<T>(read: (cursor: string | null, signal: AbortSignal) => Promise<Page<T>>): PagedList<T> {
  const items = shallowRef<T[]>([])
  const state = ref<LoadState>('loading')
  const error = shallowRef<unknown>(null)
  const loadingMore = ref(false)
  const next = ref<string | null>(null)
  const total = ref<number | null>(null)
  let abort = new AbortController()

  async function reload(quiet = false): Promise<void> {
    abort.abort()
    const mine = (abort = new AbortController())
    if (!quiet || state.value === 'failed') state.value = 'loading'
    try {
      const page = await read(null, mine.signal)
      if (mine !== abort) return
      items.value = page.items
      next.value = page.next
      total.value = page.estimated_total ?? null
      error.value = null
      state.value = 'ready'
    } catch (problem) {
      if (mine !== abort || mine.signal.aborted) return
      if (quiet && state.value === 'ready') return
      error.value = problem
      state.value = 'failed'
    }
  }

  async function more(): Promise<void> {
    if (!next.value || loadingMore.value) return
    const mine = abort
    loadingMore.value = true
    try {
      const page = await read(next.value, mine.signal)
      if (mine !== abort) return
      items.value = [...items.value, ...page.items]
      next.value = page.next
    } finally {
      loadingMore.value = false
    }
  }

  function put(row: T, key: (row: T) => string, atTop = true): void {
    const id = key(row)
    const at = items.value.findIndex((r) => key(r) === id)
    if (at >= 0) items.value = items.value.with(at, row)
    else items.value = atTop ? [row, ...items.value] : [...items.value, row]
  }

  onScopeDispose(() => abort.abort())
  return { items, state, error, loadingMore, next, total, reload, more, put }
}

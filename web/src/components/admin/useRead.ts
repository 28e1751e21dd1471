import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import type { LoadState } from '@/lib/list'

export interface Reading<T> {
  data: ShallowRef<T | null>
  state: Ref<LoadState>
  error: ShallowRef<unknown>
  /** Reads again; `quiet` keeps what is on the screen meanwhile, also when it fails. */
  reload: (quiet?: boolean) => Promise<void>
}

/** One answer of the server for a part of a page. An answer overtaken by a newer question is dropped. */
export function useRead<T>(read: (signal: AbortSignal) => Promise<T>): Reading<T> {
  const data = shallowRef<T | null>(null)
  const state = ref<LoadState>('loading')
  const error = shallowRef<unknown>(null)
  let abort = new AbortController()

  async function reload(quiet = false): Promise<void> {
    abort.abort()
    const mine = (abort = new AbortController())
    if (!quiet || state.value === 'failed') state.value = 'loading'
    try {
      const found = await read(mine.signal)
      if (mine !== abort) return
      data.value = found
      error.value = null
      state.value = 'ready'
    } catch (problem) {
      if (mine !== abort || mine.signal.aborted) return
      if (quiet && data.value !== null) return
      error.value = problem
      state.value = 'failed'
    }
  }
  onScopeDispose(() => abort.abort())
  return { data, state, error, reload }
}

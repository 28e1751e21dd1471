import { shallowRef, watch, type Ref } from 'vue'

import { api } from '@/api/client'
import type { AlarmDetail } from '@/api/types'
import { useLive } from '@/live/store'

/** One alarm with its explanation, read again whenever something is told about it. */
export function useAlarm(id: Ref<string | null>) {
  const alarm = shallowRef<AlarmDetail | null>(null)
  const problem = shallowRef<unknown>(null)

  async function read(): Promise<void> {
    const wanted = id.value
    problem.value = null
    if (!wanted) return
    try {
      const found = await api.get<AlarmDetail>(`/alarms/${encodeURIComponent(wanted)}`)
      if (id.value === wanted) alarm.value = found
    } catch (error) {
      if (id.value === wanted) problem.value = error
    }
  }
  watch(
    id,
    (now) => {
      if (alarm.value?.id !== now) alarm.value = null
      void read()
    },
    { immediate: true },
  )
  useLive(['alarm'], (event) => void (event.data.id === id.value && read()), () => void read())
  return { alarm, problem, read }
}

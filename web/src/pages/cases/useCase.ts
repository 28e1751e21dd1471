import { shallowRef, watch, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'

import { api } from '@/api/client'
import type { CaseFull } from '@/api/types'
import { useLive } from '@/live/store'

/** One case with what may be done to it, read again whenever something is told about it. */
export function useCase(id: Ref<string | null>) {
  const { locale } = useI18n()
  const subject = shallowRef<CaseFull | null>(null)
  const problem = shallowRef<unknown>(null)

  async function read(): Promise<void> {
    const wanted = id.value
    problem.value = null
    if (!wanted) return
    try {
      const found = await api.get<CaseFull>(`/cases/${encodeURIComponent(wanted)}`)
      if (id.value === wanted) subject.value = found
    } catch (error) {
      if (id.value === wanted) problem.value = error
    }
  }
  watch(
    id,
    (now) => {
      if (subject.value?.id !== now) subject.value = null
      void read()
    },
    { immediate: true },
  )
  watch(locale, () => void read())
  useLive(['case'], (event) => void (event.data.id === id.value && read()), () => void read())
  return { subject, problem, read }
}

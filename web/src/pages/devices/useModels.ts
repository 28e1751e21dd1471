import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue'

import { api } from '@/api/client'
import type { AlarmRuleFull, DeviceModel } from '@/api/types'
import { useSession } from '@/stores/session'

/** Device models in force by key, and the alarm rules. A page without them still shows keys instead of names. */
export function useModels(): {
  models: ShallowRef<DeviceModel[]>
  byKey: ComputedRef<Map<string, DeviceModel>>
  rules: ShallowRef<AlarmRuleFull[]>
  readModels: () => Promise<void>
} {
  const session = useSession()
  const models = shallowRef<DeviceModel[]>([])
  const rules = shallowRef<AlarmRuleFull[]>([])
  const byKey = computed(() => new Map(models.value.map((m) => [m.key, m])))

  async function readModels(): Promise<void> {
    const [found, inForce] = await Promise.allSettled([
      api.get<DeviceModel[]>('/devices/models'),
      session.can('alarm.read') ? api.get<AlarmRuleFull[]>('/alarms/rules') : [],
    ])
    if (found.status === 'fulfilled') models.value = found.value
    if (inForce.status === 'fulfilled') rules.value = inForce.value
  }
  return { models, byKey, rules, readModels }
}

import { shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'

import { api } from '@/api/client'
import type { DeviceModel } from '@/api/types'

import { useFormat } from './useFormat'

const models = shallowRef<DeviceModel[] | null>(null)
let asked: Promise<void> | null = null

function readModels(): void {
  asked ??= api
    .get<DeviceModel[]>('/devices/models')
    .then((found) => void (models.value = found))
    .catch(() => void (asked = null))
}

export interface NamedMetric {
  key: string
  name: string
  /** With its unit: "20.9 %LEL". */
  text: string
  time: string
}

/** The latest readings of a device in words: names and units are its model's, in the model's order, one of them first if wished. */
export function useMetricNames(): (model: string, metrics: Record<string, { value: number; time: string }>, first?: string | null) => NamedMetric[] {
  const { t, te, locale } = useI18n()
  const format = useFormat()
  readModels()
  return (model, metrics, first) => {
    const known = models.value?.find((m) => m.key === model)?.metrics ?? []
    const order = known.map((m) => m.key)
    const place = (key: string): number => (key === first ? -1 : order.includes(key) ? order.indexOf(key) : order.length)
    return Object.entries(metrics)
      .sort(([a], [b]) => place(a) - place(b) || a.localeCompare(b))
      .map(([key, metric]) => {
        const spec = known.find((m) => m.key === key)
        const own = spec && (locale.value === 'en' ? spec.name_en : spec.name_zh)
        // A thing that is 1 or 0 without a unit is on or off.
        const toggle = spec !== undefined && !spec.unit && spec.low === 0 && spec.high === 1
        const unit = spec?.unit && spec.unit !== '1' ? ` ${spec.unit === 'Cel' ? '°C' : spec.unit}` : ''
        return { key, name: own || (te(`metric.${key}`) ? t(`metric.${key}`) : key), text: toggle ? t(metric.value >= 0.5 ? 'map.on' : 'map.off') : `${format.number(metric.value)}${unit}`, time: metric.time }
      })
  }
}

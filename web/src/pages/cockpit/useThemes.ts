import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'

import { districtName, shortDistrict } from '@/lib/districtNames'

import { THEMES, type DistrictValue, type Theme, type ThemeKey } from './themes'
import type { CockpitData } from './useCockpitData'

/** The themes of the map and the ranking, made of what the server has told; a district it said nothing about stays unknown. */
export function useThemes(data: CockpitData): ComputedRef<Record<ThemeKey, Theme>> {
  const { locale } = useI18n()
  return computed(() => {
    const districts = data.districts.value?.features.map((f) => f.properties) ?? []
    const figures = data.figures.value.value
    const summary = data.summary.value.value
    const online = data.online.value.value
    const cases = new Map((figures?.by_district ?? []).map((d) => [d.code, d]))
    const alarms = new Map((summary?.by_district ?? []).map((d) => [d.code, d.total]))
    const devices = new Map((online ?? []).map((d) => [d.code, d]))

    const read: Record<ThemeKey, (code: string) => number | null> = {
      on_time: (code) => cases.get(code)?.on_time_rate ?? null,
      open_cases: (code) => cases.get(code)?.open ?? (figures ? 0 : null),
      // The summary names only districts that have alarms.
      open_alarms: (code) => alarms.get(code) ?? (summary ? 0 : null),
      devices_online: (code) => {
        const d = devices.get(code)
        return d && d.total > 0 ? d.online / d.total : null
      },
    }
    const make = (key: ThemeKey): Theme => {
      const values: DistrictValue[] = districts.map((d) => ({ code: d.code, name: districtName(shortDistrict(d.name), locale.value), value: read[key](d.code) }))
      const share = key === 'on_time' || key === 'devices_online'
      return { key, share, target: key === 'on_time' ? (figures?.on_time_target ?? null) : null, values }
    }
    return Object.fromEntries(THEMES.map((key) => [key, make(key)])) as Record<ThemeKey, Theme>
  })
}

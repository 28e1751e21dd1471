import { computed, shallowRef, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'

import type { FilterOption } from '@/components/FilterSelect.vue'
import { districtName } from '@/lib/districtNames'
import { loadDistricts } from '@/lib/districts'

/** The districts as choices of a filter, in the order of their codes. */
export function useDistrictOptions(): ComputedRef<FilterOption[]> {
  const { locale } = useI18n()
  const found = shallowRef<{ code: string; name: string }[]>([])
  // Without the outlines the filter is simply shorter; the list itself says when the server is away.
  loadDistricts().then(
    (all) => (found.value = all.features.map((f) => f.properties).sort((a, b) => a.code.localeCompare(b.code))),
    () => {},
  )
  return computed(() => found.value.map((d) => ({ value: d.code, label: districtName(d.name, locale.value) })))
}

import { reactive, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/**
 * Filters that live in the address, so that a view can be sent to a colleague and "back" works.
 * `const filters = useUrlFilters({ state: 'open', q: '' })`; a value equal to its default is left out of the address.
 */
export function useUrlFilters<T extends Record<string, string>>(defaults: T): T {
  const route = useRoute()
  const router = useRouter()
  const home = route.path

  function fromRoute(): T {
    return Object.fromEntries(
      Object.entries(defaults).map(([key, value]) => {
        const given = route.query[key]
        return [key, typeof given === 'string' ? given : value]
      }),
    ) as T
  }

  const filters = reactive(fromRoute()) as T

  watch(
    () => ({ ...filters }),
    (now) => {
      const query = { ...route.query }
      for (const [key, value] of Object.entries(now)) {
        if (value === defaults[key] || value === undefined || value === null) delete query[key]
        else query[key] = value
      }
      const same = JSON.stringify(query) === JSON.stringify(route.query)
      if (!same && route.path === home) void router.replace({ query })
    },
  )
  watch(
    () => route.query,
    () => {
      if (route.path === home) Object.assign(filters, fromRoute())
    },
  )
  return filters
}

import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { client, take } from '@/api/client'
import type { About } from '@/api/types'

const ASK_AGAIN_MS = 60_000
const TICK_MS = 1_000

/**
 * What this installation is, and what time it is in the city. A demo city's clock may run faster than ours, so
 * "now" is the server's time carried on by its speed, never this computer's clock.
 */
export const useAbout = defineStore('about', () => {
  const about = ref<About | null>(null)
  const anchorCity = ref<number | null>(null)
  let anchorHere = performance.now()
  const now = ref(Date.now())
  let ticking: ReturnType<typeof setInterval> | undefined
  let askedAt = -Infinity

  const speed = computed(() => about.value?.clock_speed ?? 1)

  function tick(): void {
    if (anchorCity.value === null) now.value = Date.now()
    else now.value = anchorCity.value + (performance.now() - anchorHere) * speed.value
    if (performance.now() - askedAt > ASK_AGAIN_MS && !document.hidden) void refresh().catch(() => {})
  }

  async function refresh(): Promise<void> {
    askedAt = performance.now()
    const sent = performance.now()
    const answer = await take(client.GET('/api/v1/about'))
    const returned = performance.now()
    about.value = answer
    // The answer was true about half-way between sending and receiving.
    anchorHere = (sent + returned) / 2
    anchorCity.value = Date.parse(answer.now)
    tick()
  }

  function start(): void {
    ticking ??= setInterval(tick, TICK_MS)
  }

  /** True while the city clock has been read from the server at least once. */
  const exact = computed(() => anchorCity.value !== null)

  return { about, now, speed, exact, refresh, start }
})

import { useI18n } from 'vue-i18n'

import { useAbout } from '@/stores/about'

import { compact, exactTime, longDay, number, percent, shortTime, span, timeAgo } from './format'

/** The formatting functions with the user's language and the city's present moment filled in. */
export function useFormat() {
  const { t, locale } = useI18n()
  const about = useAbout()
  const say = (key: string, named: Record<string, unknown> = {}, plural?: number) =>
    plural === undefined ? t(key, named) : t(key, named, { plural })
  return {
    number: (value: number | null | undefined, digits?: number) => number(value, locale.value, digits),
    percent: (share: number | null | undefined, digits?: number) => percent(share, locale.value, digits),
    compact: (value: number) => compact(value, locale.value),
    exactTime,
    shortTime: (value: string | number | null | undefined) => shortTime(value, about.now),
    longDay: (value: string | number) => longDay(value, locale.value),
    timeAgo: (value: string | number | null | undefined) => timeAgo(value, about.now, say),
    span: (seconds: number) => span(seconds, say),
    say,
  }
}

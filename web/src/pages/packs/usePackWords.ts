import { useI18n } from 'vue-i18n'

import { useFormat } from '@/lib/useFormat'

/** Lengths of time and numbers as the pack pages write them. */
export function usePackWords() {
  const { t } = useI18n()
  const format = useFormat()
  const span = (seconds: number): string => {
    if (seconds === 0) return t('packs.rule.at_once')
    if (seconds % 60 === 0 && seconds >= 120) return seconds >= 7200 ? format.span(seconds) : t('packs.minutes', { n: format.number(seconds / 60) })
    return t('packs.seconds', { n: format.number(seconds) })
  }
  return { span, number: (v: number) => format.number(v), perMinute: t('packs.per_minute') }
}

import type { Alarm } from '@/api/types'

/** The rule's name in the user's language. */
export function alarmRule(alarm: Pick<Alarm, 'rule'>, locale: string): string {
  return (locale === 'en' ? alarm.rule.name_en : alarm.rule.name_zh) || alarm.rule.name_zh || alarm.rule.key
}

/** "34 cm": the reading that raised the alarm; empty where the rule is about silence. */
export function alarmReading(alarm: Pick<Alarm, 'value' | 'unit'>, number: (value: number) => string): string {
  return alarm.value === null || alarm.value === undefined ? '' : `${number(alarm.value)} ${alarm.unit ?? ''}`.trim()
}

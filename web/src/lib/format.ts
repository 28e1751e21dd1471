/** Numbers, times and deadlines as words. Pure: the language and the present moment are arguments. */

const CITY_ZONE = 'Asia/Shanghai'
const NONE = '—'

type Translate = (key: string, named?: Record<string, unknown>, plural?: number) => string

export function number(value: number | null | undefined, locale: string, digits?: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE
  return new Intl.NumberFormat(locale, {
    maximumFractionDigits: digits ?? 2,
    ...(digits === undefined ? {} : { minimumFractionDigits: digits }),
  }).format(value)
}

/** A share between 0 and 1 as percent, without the sign. */
export function percent(share: number | null | undefined, locale: string, digits = 1): string {
  return share === null || share === undefined ? NONE : number(share * 100, locale, digits)
}

function moment(value: string | number | Date | null | undefined): Date | null {
  if (value === null || value === undefined || value === '') return null
  const date = value instanceof Date ? value : new Date(value)
  return Number.isNaN(date.getTime()) ? null : date
}

/** City time to the second: 2026-07-21 09:42:18. */
export function exactTime(value: string | number | Date | null | undefined): string {
  const date = moment(value)
  if (!date) return NONE
  const p = parts(date)
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`
}

/** City time as short as the distance allows: 09:42 today, 7-22 09:42 this year, else the whole date. */
export function shortTime(value: string | number | Date | null | undefined, now: number): string {
  const date = moment(value)
  if (!date) return NONE
  const p = parts(date)
  const n = parts(new Date(now))
  if (p.year !== n.year) return `${p.year}-${p.month}-${p.day}`
  if (p.month === n.month && p.day === n.day) return `${p.hour}:${p.minute}`
  return `${Number(p.month)}-${p.day} ${p.hour}:${p.minute}`
}

export function cityDate(value: string | number | Date): string {
  const p = parts(moment(value) ?? new Date(0))
  return `${p.year}-${p.month}-${p.day}`
}

const split = new Intl.DateTimeFormat('en-CA', {
  timeZone: CITY_ZONE,
  hourCycle: 'h23',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

function parts(date: Date): Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', string> {
  const all = Object.fromEntries(split.formatToParts(date).map((p) => [p.type, p.value]))
  return all as ReturnType<typeof parts>
}

/** Day and weekday for a headline: 7 月 21 日 星期二. */
export function longDay(value: string | number | Date, locale: string): string {
  const date = moment(value)
  if (!date) return NONE
  if (locale.startsWith('zh')) {
    const p = parts(date)
    const weekday = new Intl.DateTimeFormat(locale, { timeZone: CITY_ZONE, weekday: 'long' }).format(date)
    return `${Number(p.month)} 月 ${Number(p.day)} 日 ${weekday}`
  }
  return new Intl.DateTimeFormat(locale, { timeZone: CITY_ZONE, month: 'long', day: 'numeric', weekday: 'long' }).format(date)
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86400

/** "3 分钟前" · "in 2 hours". Under half a minute is "just now". */
export function timeAgo(value: string | number | Date | null | undefined, now: number, t: Translate): string {
  const date = moment(value)
  if (!date) return NONE
  const seconds = Math.round((now - date.getTime()) / 1000)
  const ahead = seconds < 0
  const size = Math.abs(seconds)
  if (size < 30) return t('time.just_now')
  const [count, unit] =
    size < HOUR
      ? [Math.max(1, Math.round(size / MINUTE)), 'minutes']
      : size < DAY
        ? [Math.round(size / HOUR), 'hours']
        : [Math.round(size / DAY), 'days']
  const words = t(`time.${unit}`, { n: count }, count as number)
  return t(ahead ? 'time.ahead' : 'time.ago', { words })
}

/** A length of time in at most two units: 1 小时 48 分. */
export function span(seconds: number, t: Translate): string {
  const size = Math.abs(Math.round(seconds))
  const days = Math.floor(size / DAY)
  const hours = Math.floor((size % DAY) / HOUR)
  const minutes = Math.floor((size % HOUR) / MINUTE)
  const unit = (n: number, key: string) => t(`time.${key}`, { n }, n)
  if (days > 0) return hours > 0 ? `${unit(days, 'days')} ${unit(hours, 'hours')}` : unit(days, 'days')
  if (hours > 0) return minutes > 0 ? `${unit(hours, 'hours')} ${unit(minutes, 'minutes')}` : unit(hours, 'hours')
  return unit(minutes, 'minutes')
}

/** 1,234 as it stands; 12,345 → 1.2 万 or 12.3k, for axes. */
export function compact(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }).format(value)
}

/** Ways from a figure to the list behind it. Pure. */

/** The cases reported since midnight of a day of the city. */
export function casesOfDay(day: string | undefined, source?: string): string {
  const since = day ? `&since=${encodeURIComponent(`${day}T00:00:00+08:00`)}` : ''
  return `/cases?queue=all${since}${source ? `&source=${encodeURIComponent(source)}` : ''}`
}

/** `to_check` among the counts is the queue `check` of the list. */
export function queueList(count: string): string {
  return `/cases?queue=${count.replace(/^to_/, '')}`
}

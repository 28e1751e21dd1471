import type { Deadline } from '@/api/types'

import { span } from './format'

type Translate = (key: string, named?: Record<string, unknown>, plural?: number) => string

/** From this share of the limit on, a deadline is yellow. */
export const NEAR = 0.8

/** Green, yellow from 80 % of the limit, red once it has passed; the server's own colour wins. */
export function deadlineColour(deadline: Pick<Deadline, 'used_share' | 'remaining_seconds'> & { colour?: Deadline['colour'] }): Deadline['colour'] {
  if (deadline.colour) return deadline.colour
  if (deadline.remaining_seconds < 0 || deadline.used_share > 1) return 'red'
  return deadline.used_share >= NEAR ? 'yellow' : 'green'
}

/** How full the bar is, 0 to 1. */
export function deadlineFill(deadline: Pick<Deadline, 'used_share'>): number {
  return Math.min(1, Math.max(0, Number.isFinite(deadline.used_share) ? deadline.used_share : 0))
}

/**
 * 剩 2 工作时 21 分, 超 22 分. The server counts working time and says it in words; without its words the plain
 * length of time stands in.
 */
export function deadlineWords(deadline: Pick<Deadline, 'remaining_text' | 'remaining_seconds'>, t: Translate): string {
  if (deadline.remaining_text) return deadline.remaining_text
  const late = deadline.remaining_seconds < 0
  return t(late ? 'deadline.over' : 'deadline.left', { words: span(deadline.remaining_seconds, t) })
}

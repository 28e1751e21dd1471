import type { Case, CaseAction, CaseEvent } from '@/api/types'

/** The queues in the order of the work, and the permission that makes one somebody's own. */
export const STAGE_QUEUES = [
  ['accept', 'case.accept'],
  ['file', 'case.file'],
  ['dispatch', 'case.dispatch'],
  ['sign', 'case.sign'],
  ['handle', 'case.handle'],
  ['check', 'case.check'],
  ['close', 'case.close'],
] as const

/** What moves a case on, by the step that it waits for. */
export const FORWARD: Record<string, string> = {
  accept: 'accept',
  file: 'file',
  dispatch: 'dispatch',
  sign: 'sign',
  handle: 'handle',
  check: 'check_pass',
  close: 'close',
}
/** What can be done beside it in the same step. */
export const BACKWARD: Record<string, string> = { accept: 'reject', file: 'refuse', sign: 'send_back', check: 'check_fail' }

/** What an operation has to be told. */
export interface Needs {
  reason?: boolean
  unit?: boolean
  class?: boolean
  feedback?: boolean
  photos?: 'after' | 'check'
  note?: boolean
}
export const NEEDS: Record<string, Needs> = {
  accept: { note: true },
  reject: { reason: true },
  file: { class: true, note: true },
  refuse: { reason: true },
  dispatch: { unit: true, note: true },
  sign: { note: true },
  send_back: { reason: true },
  handle: { feedback: true, photos: 'after' },
  check_pass: { note: true, photos: 'check' },
  check_fail: { reason: true, photos: 'check' },
  close: { note: true },
  void: { reason: true },
  note: {},
}

/** Steps that may be taken for many cases at once, because they decide nothing that differs between them. */
export const BATCH: Record<string, string> = { accept: 'accept', dispatch: 'dispatch', sign: 'sign', close: 'close' }

/** The one operation that may be done to all of these cases at once; null where they differ or it is not safe. */
export function batchOperation(rows: Pick<Case, 'stage'>[]): string | null {
  const stage = rows[0]?.stage
  return stage !== undefined && rows.every((r) => r.stage === stage) ? (BATCH[stage] ?? null) : null
}

export interface Choices {
  /** What moves the case on, allowed or not. */
  forward: CaseAction | null
  /** Allowed besides. */
  others: CaseAction[]
  /** Not allowed now, with the reasons. */
  refused: CaseAction[]
}

/** Sorts what the server allows: the step ahead first, then what else is possible, then what is not and why. */
export function choices(subject: Pick<Case, 'stage' | 'actions'>): Choices {
  const actions = subject.actions ?? []
  const ahead = FORWARD[subject.stage]
  const forward = actions.find((a) => a.operation === ahead) ?? null
  const order = [BACKWARD[subject.stage], 'note', 'void']
  const place = (a: CaseAction): number => (order.includes(a.operation) ? order.indexOf(a.operation) : 99)
  const rest = actions.filter((a) => a !== forward)
  return {
    forward,
    others: rest.filter((a) => a.allowed).sort((a, b) => place(a) - place(b)),
    refused: rest.filter((a) => !a.allowed),
  }
}

export const PHASES = ['collect', 'file', 'dispatch', 'handle', 'feedback', 'check', 'evaluate'] as const
export type PhaseKey = (typeof PHASES)[number]

const PHASE_OF: Record<string, PhaseKey> = {
  report: 'collect',
  accept: 'file',
  reject: 'file',
  file: 'file',
  refuse: 'file',
  dispatch: 'dispatch',
  send_back: 'dispatch',
  sign: 'handle',
  handle: 'feedback',
  check_pass: 'check',
  check_fail: 'check',
  close: 'check',
}
const PHASE_OF_STAGE: Record<string, PhaseKey> = { accept: 'file', file: 'file', dispatch: 'dispatch', sign: 'handle', handle: 'handle', check: 'check', close: 'check', done: 'evaluate' }

export interface Phase {
  key: PhaseKey
  state: 'done' | 'now' | 'ahead'
  events: CaseEvent[]
  /** Seconds from the end of the phase before to the end of this one. */
  seconds: number | null
}

/** The timeline as the seven phases of the standard; a case that goes back shows a phase again. */
export function phases(events: CaseEvent[], subject: Pick<Case, 'stage' | 'state'>): Phase[] {
  const found: Phase[] = []
  for (const event of events) {
    const last = found[found.length - 1]
    const key = PHASE_OF[event.operation] ?? last?.key ?? 'collect'
    if (last?.key === key) last.events.push(event)
    else found.push({ key, state: 'done', events: [event], seconds: null })
  }
  let before: number | null = null
  for (const phase of found) {
    const end = Date.parse(phase.events[phase.events.length - 1]!.time)
    phase.seconds = before === null ? null : Math.round((end - before) / 1000)
    before = end
  }
  const over = subject.stage === 'done'
  const current = PHASE_OF_STAGE[subject.stage]
  if (over || current === undefined) return found
  const last = found[found.length - 1]
  if (last?.key === current) last.state = 'now'
  else found.push({ key: current, state: 'now', events: [], seconds: null })
  for (const key of PHASES.slice(PHASES.indexOf(current) + 1)) found.push({ key, state: 'ahead', events: [], seconds: null })
  return found
}

/** 05a4 8891: enough of a hash to compare by eye. */
export function shortHash(hash: string): string {
  return `${hash.slice(0, 4)} ${hash.slice(4, 8)}`
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : value && typeof value === 'object' && 'name' in value ? String((value as { name: unknown }).name) : ''
}

/** What an event says besides its name: to whom, why, with what. */
export function eventWords(event: CaseEvent): { unit: string; class: string; text: string; photos: number } {
  const d = event.data
  return {
    unit: words(d.unit),
    class: words(d.class),
    text: [words(d.reason), words(d.feedback), words(d.note), words(d.text)].filter(Boolean).join('；'),
    photos: Array.isArray(d.photos) ? d.photos.length : Array.isArray(d.photo_ids) ? d.photo_ids.length : typeof d.photos === 'number' ? d.photos : 0,
  }
}

/** The area's last part large, what it lies in small. */
export function areaParts(name: string): [string, string] {
  // English names go from small to large: Daping Subdistrict, Yuzhong District.
  const comma = name.indexOf(', ')
  if (comma > 0) return [name.slice(0, comma), name.slice(comma + 2)]
  const parts = name.split(/[\s·/]+/).filter(Boolean)
  return parts.length > 1 ? [parts[parts.length - 1]!, parts.slice(0, -1).join(' ')] : [name, '']
}

/** 000013 of CY20261125000013: the count of the day, after a prefix and the date. */
export function shortNumber(number: string): string {
  return /\d{8}-?(\d{6})$/.exec(number)?.[1] ?? number
}

export function stateTone(state: string): 'live' | 'good' | 'still' {
  return state === 'closed' ? 'good' : state === 'rejected' || state === 'refused' || state === 'void' ? 'still' : 'live'
}

import type { PackFinding, RuleSpec } from '@/api/types'

/** Pure helpers of the pack pages. */

export type Token = { kind: 'comment' | 'key' | 'string' | 'number' | 'mark' | 'text'; text: string }

/** One line of YAML in pieces that wear different inks. Good enough to read by; the server is the judge of what it means. */
export function tokens(line: string): Token[] {
  const found: Token[] = []
  let rest = line
  const take = (kind: Token['kind'], length: number): void => {
    found.push({ kind, text: rest.slice(0, length) })
    rest = rest.slice(length)
  }
  const lead = /^(\s*(?:-\s+)*)/.exec(rest)?.[0].length ?? 0
  if (lead) take('mark', lead)
  const key = /^(?:[A-Za-z_][\w-]*|"[^"]*"|'[^']*')(?=\s*:(?:\s|$))/.exec(rest)?.[0].length ?? 0
  if (key) take('key', key)
  while (rest) {
    const space = /^[\s:,[\]{}]+/.exec(rest)?.[0].length ?? 0
    if (space) {
      take('mark', space)
      continue
    }
    if (rest.startsWith('#')) {
      take('comment', rest.length)
      continue
    }
    const string = /^"(?:[^"\\]|\\.)*"|^'(?:[^']|'')*'/.exec(rest)?.[0].length ?? 0
    if (string) {
      take('string', string)
      continue
    }
    const inner = /^[A-Za-z_][\w-]*(?=:\s)/.exec(rest)?.[0].length ?? 0
    if (inner) {
      take('key', inner)
      continue
    }
    const word = /^[^\s,[\]{}]+/.exec(rest)?.[0].length ?? 1
    take(/^-?\d+(\.\d+)?$|^(true|false|null)$/.test(rest.slice(0, word)) ? 'number' : 'text', word)
  }
  return found
}

/** Findings by the line at which they stand; one behind the end stands at the last line. */
export function byLine(findings: PackFinding[], lines: number): Map<number, PackFinding[]> {
  const found = new Map<number, PackFinding[]>()
  for (const finding of findings) {
    const at = Math.min(Math.max(1, finding.line), Math.max(1, lines))
    found.set(at, [...(found.get(at) ?? []), finding])
  }
  return found
}

/** "≥ 20 %LEL", "< 19.5 · > 23.5 %VOL", "≥ 2 /min": from which value on a level holds. */
export function levelWords(
  rule: Pick<RuleSpec, 'kind'>,
  level: RuleSpec['levels'][number],
  unit: string,
  words: { number: (v: number) => string; perMinute: string; span: (seconds: number) => string },
): string {
  const { threshold, low, high } = level
  if (rule.kind === 'outside') return `< ${words.number(low ?? 0)} · > ${words.number(high ?? 0)} ${unit}`.trim()
  if (threshold === null || threshold === undefined) return '—'
  if (rule.kind === 'no_data') return `≥ ${words.span(threshold)}`
  if (rule.kind === 'rate') return `${threshold < 0 ? '≤' : '≥'} ${words.number(threshold)} ${unit} ${words.perMinute}`.replace(/\s+/g, ' ').trim()
  return `${rule.kind === 'below' ? '≤' : '≥'} ${words.number(threshold)} ${unit}`.trim()
}

/** The largest manifest that the server reads. */
export const LARGEST = 1_000_000

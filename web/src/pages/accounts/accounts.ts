import type { Organisation, Permission, Role, UserRow } from '@/api/types'

/** Pure helpers of the account pages. */

export interface Branch {
  unit: Organisation
  depth: number
  below: number
}

/**
 * The flat list of units as a tree, line by line. With words to look for, those that match stay with all above them;
 * else what hangs below a closed unit is left out. A unit whose superior is not in the list stands at the top.
 */
export function treeOf(units: Organisation[], closed: Set<string>, q = ''): Branch[] {
  const here = new Map(units.map((u) => [u.id, u]))
  const children = new Map<string, Organisation[]>()
  for (const unit of units) {
    const above = unit.parent_id && here.has(unit.parent_id) ? unit.parent_id : ''
    children.set(above, [...(children.get(above) ?? []), unit])
  }
  const words = q.trim().toLowerCase()
  const matches = (u: Organisation): boolean => [u.name, u.name_en, u.key, u.area_code].some((s) => s.toLowerCase().includes(words))
  const wanted = new Set<string>()
  if (words) {
    for (const unit of units.filter(matches)) {
      for (let at: Organisation | undefined = unit; at && !wanted.has(at.id); at = at.parent_id ? here.get(at.parent_id) : undefined) wanted.add(at.id)
    }
  }
  const lines: Branch[] = []
  const walk = (above: string, depth: number): void => {
    for (const unit of children.get(above) ?? []) {
      if (words && !wanted.has(unit.id)) continue
      lines.push({ unit, depth, below: children.get(unit.id)?.length ?? 0 })
      if (words || !closed.has(unit.id)) walk(unit.id, depth + 1)
    }
  }
  walk('', 0)
  return lines
}

/** Codes as people type them: separated by commas, spaces or line ends, each once. */
export function codesOf(text: string): string[] {
  return [...new Set(text.split(/[\s,，、;；]+/).map((c) => c.trim().toUpperCase()).filter(Boolean))]
}

const ADMIN = new Set(['user', 'org', 'role', 'apikey', 'audit', 'personal'])
/** The heading under which a permission stands in the table. */
export function groupOf(permission: string): string {
  const room = permission.split('.')[0] ?? ''
  if (ADMIN.has(room)) return 'admin'
  if (room === 'deadletter') return 'telemetry'
  return room === 'region' ? 'standard' : room
}

/** Permissions under their headings, in the order in which they come. */
export function grouped(permissions: Permission[]): { group: string; items: Permission[] }[] {
  const groups = new Map<string, Permission[]>()
  for (const p of permissions) groups.set(groupOf(p.key), [...(groups.get(groupOf(p.key)) ?? []), p])
  return [...groups].map(([group, items]) => ({ group, items }))
}

/** All that some posts permit together. */
export function permissionsOf(posts: string[], roles: Role[]): Set<string> {
  return new Set(roles.filter((r) => posts.includes(r.key)).flatMap((r) => r.permissions))
}

const DUTIES: string[][] = [['user.manage', 'org.manage'], ['role.manage', 'apikey.manage'], ['audit.read']]
/** Whether some permissions join two of the three duties of administration, which the server refuses. */
export function dutiesClash(permissions: Set<string>): boolean {
  return DUTIES.filter((duty) => duty.some((p) => permissions.has(p))).length > 1
}

export type UserState = 'active' | 'disabled' | 'locked'
export function userState(user: Pick<UserRow, 'state' | 'locked_until'>, now: number): UserState {
  if (user.state === 'disabled') return 'disabled'
  return user.locked_until && Date.parse(user.locked_until) > now ? 'locked' : 'active'
}
export const USER_TONE = { active: 'good', disabled: 'still', locked: 'late' } as const

/** What the audit log notes: in a change `[before, after]` makes a pair, everything else stands alone. */
export function detailLines(action: string, detail: Record<string, unknown>): { name: string; before: string | null; after: string }[] {
  const change = /\.(change|set|correct)$/.test(action)
  return Object.entries(detail).map(([name, v]) =>
    change && Array.isArray(v) && v.length === 2 ? { name, before: plain(v[0]), after: plain(v[1]) } : { name, before: null, after: plain(v) },
  )
}

function plain(value: unknown): string {
  if (value === null || value === undefined || value === '') return '—'
  if (Array.isArray(value) && value.every((v) => typeof v !== 'object')) return value.length > 0 ? value.join(', ') : '—'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

import { createPinia } from 'pinia'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createApp, h, nextTick } from 'vue'

import type { Organisation, Role } from '../src/api/types'
import FormDialog from '../src/components/admin/FormDialog.vue'
import { i18n, useLocale } from '../src/i18n'
import { codesOf, detailLines, dutiesClash, grouped, groupOf, permissionsOf, treeOf, userState } from '../src/pages/accounts/accounts'
import { byLine, levelWords, tokens } from '../src/pages/packs/packs'
import YamlView from '../src/pages/packs/YamlView.vue'
import { hintKey, readable, visible } from '../src/pages/telemetry/payload'

describe('the tree of units', () => {
  const unit = (id: string, parent_id: string | null, name = id): Organisation => ({ id, key: id, name, name_en: '', kind: 'department', parent_id, area_code: '500000', active: true, changed_at: '' })
  const units = [unit('city', null, '市局'), unit('d1', 'city', '渝中区局'), unit('d2', 'city', '万州区局'), unit('s1', 'd1', '解放碑街道'), unit('lost', 'gone', '外区')]
  const names = (lines: ReturnType<typeof treeOf>) => lines.map((l) => `${'-'.repeat(l.depth)}${l.unit.id}`)
  it('hangs each unit below its superior; one without a visible superior stands at the top', () => {
    expect(names(treeOf(units, new Set()))).toEqual(['city', '-d1', '--s1', '-d2', 'lost'])
  })
  it('leaves out what is closed, and opens for what is looked for', () => {
    expect(names(treeOf(units, new Set(['d1'])))).toEqual(['city', '-d1', '-d2', 'lost'])
    expect(names(treeOf(units, new Set(['city']), '解放碑'))).toEqual(['city', '-d1', '--s1'])
  })
})

describe('rights', () => {
  const role = (key: string, ...permissions: string[]): Role => ({ key, name: key, name_en: key, description: '', permissions, built_in: true, changed_at: '' })
  const roles = [role('system', 'user.manage', 'org.manage'), role('security', 'role.manage'), role('chief', 'case.read', 'case.file')]
  it('of several posts add up', () => {
    expect([...permissionsOf(['chief', 'security'], roles)].sort()).toEqual(['case.file', 'case.read', 'role.manage'])
  })
  it('keep the three duties apart', () => {
    expect(dutiesClash(permissionsOf(['system', 'security'], roles))).toBe(true)
    expect(dutiesClash(permissionsOf(['system', 'chief'], roles))).toBe(false)
  })
  it('stand under headings', () => {
    expect(['case.read', 'deadletter.read', 'region.manage', 'personal.read'].map(groupOf)).toEqual(['case', 'telemetry', 'standard', 'admin'])
    const list = ['case.read', 'user.manage', 'case.file'].map((key) => ({ key, name: key, name_en: key, for_api_keys: true }))
    expect(grouped(list).map((g) => [g.group, g.items.length])).toEqual([['case', 2], ['admin', 1]])
  })
  it('codes are read as people type them', () => {
    expect(codesOf(' 500103， 500104\n500103,')).toEqual(['500103', '500104'])
  })
  it('a lock ends by itself', () => {
    const user = { state: 'active' as const, locked_until: '2026-07-21T10:00:00Z' }
    expect(userState(user, Date.parse('2026-07-21T09:00:00Z'))).toBe('locked')
    expect(userState(user, Date.parse('2026-07-21T10:00:01Z'))).toBe('active')
    expect(userState({ ...user, state: 'disabled' }, 0)).toBe('disabled')
  })
})

describe('the audit log', () => {
  it('shows before and after of a change only', () => {
    expect(detailLines('user.change', { posts: [[], ['dispatcher']], name: ['甲', '乙'] })).toEqual([
      { name: 'posts', before: '—', after: 'dispatcher' },
      { name: 'name', before: '甲', after: '乙' },
    ])
    expect(detailLines('api_key.add', { area_codes: ['500103', '500104'] })).toEqual([{ name: 'area_codes', before: null, after: '500103, 500104' }])
    expect(detailLines('device.command', { arguments: { on: true } })[0]!.after).toBe('{"on":true}')
  })
})

describe('a refused message', () => {
  it('is laid out when it is JSON, and shown as it came when it is not', () => {
    expect(readable('{"a":1}')).toEqual({ text: '{\n  "a": 1\n}', json: true })
    expect(readable('{"a":')).toEqual({ text: '{"a":', json: false })
    expect(readable('').json).toBe(false)
  })
  it('hides nothing', () => {
    expect(visible('a\u0000b\u202ec\u200b')).toBe('a\\u0000b\\u202ec\\u200b')
    expect(visible('line\n中文')).toBe('line\n中文')
  })
  it('comes with advice, known or general', () => {
    expect(hintKey('value.range', () => true)).toBe('telemetry.hint.value_range')
    expect(hintKey('new.one', () => false)).toBe('telemetry.hint.other')
  })
})

describe('a manifest', () => {
  it('keeps every character when it is coloured', () => {
    for (const line of ["  - {key: ch4, unit: '%LEL', low: -0.5} # note: a", 'a: "b # c"', '', '\t- x', "it's odd: [", '名称: 甲烷', ': ::']) {
      expect(tokens(line).map((t) => t.text).join('')).toBe(line)
    }
  })
  it('tells keys, numbers, strings and comments apart', () => {
    const kinds = tokens("  low: -0.5 # least").filter((t) => t.kind !== 'mark').map((t) => [t.kind, t.text])
    expect(kinds).toEqual([['key', 'low'], ['number', '-0.5'], ['comment', '# least']])
  })
  it('has its faults at their lines, those behind the end at the last one', () => {
    const at = (line: number) => ({ line, column: 1, path: '', message: '' })
    expect([...byLine([at(2), at(99), at(0), at(2)], 5)].map(([line, all]) => [line, all.length])).toEqual([[2, 2], [5, 1], [1, 1]])
  })
  it('says its levels in words', () => {
    const words = { number: String, perMinute: '/min', span: (s: number) => `${s} s` }
    expect(levelWords({ kind: 'above' }, { level: 2, threshold: 50 }, '%LEL', words)).toBe('≥ 50 %LEL')
    expect(levelWords({ kind: 'below' }, { level: 2, threshold: 18 }, '%VOL', words)).toBe('≤ 18 %VOL')
    expect(levelWords({ kind: 'outside' }, { level: 2, low: 18, high: 24 }, '', words)).toBe('< 18 · > 24')
    expect(levelWords({ kind: 'rate' }, { level: 2, threshold: -3 }, 'm', words)).toBe('≤ -3 m /min')
    expect(levelWords({ kind: 'no_data' }, { level: 3, threshold: 60 }, '', words)).toBe('≥ 60 s')
  })
})

describe('on the screen', () => {
  let unmount = (): void => {}
  async function show(component: object, props: Record<string, unknown>, inside = ''): Promise<HTMLElement> {
    vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
    await useLocale('zh-CN')
    const box = document.body.appendChild(document.createElement('div'))
    const app = createApp({ render: () => h(component as never, props, () => inside) })
    app.use(createPinia()).use(i18n).mount(box)
    unmount = () => app.unmount()
    for (let i = 0; i < 5; i += 1) await nextTick()
    return document.body
  }
  afterEach(() => {
    unmount()
    document.body.innerHTML = ''
  })

  it('the fault of a manifest stands below its line, as text', async () => {
    const body = await show(YamlView, { text: 'pack:\n  key: <b>x</b>\n', label: '清单', findings: [{ line: 2, column: 8, path: 'pack.key', message: '格式不对<img>' }] })
    const rows = [...body.querySelectorAll('tr')].map((r) => r.textContent)
    expect(rows).toHaveLength(3)
    expect(rows[1]).toContain('key: <b>x</b>')
    expect(rows[2]).toContain('格式不对<img>')
    expect(rows[2]).toContain('第 2 行第 8 列')
    expect(body.querySelector('img')).toBeNull()
  })

  it('a form says why it was refused and can be sent again', async () => {
    const { ApiProblem } = await import('../src/api/problem')
    const act = vi.fn().mockRejectedValueOnce(new ApiProblem({ status: 409, code: 'user.exists', detail: '用户名已被使用' })).mockResolvedValue(undefined)
    const body = await show(FormDialog, { modelValue: true, title: '新建', submit: '保存', act })
    const form = body.querySelector('form')!
    form.dispatchEvent(new Event('submit', { cancelable: true }))
    await vi.waitFor(() => expect(body.querySelector('[role=alert]')?.textContent).toBe('用户名已被使用'))
    form.dispatchEvent(new Event('submit', { cancelable: true }))
    await vi.waitFor(() => expect(body.querySelector('[role=alert]')).toBeNull())
    expect(act).toHaveBeenCalledTimes(2)
  })
})

import { createPinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createApp, defineComponent, h, nextTick, onMounted } from 'vue'

import { ApiProblem } from '../src/api/problem'
import type { Page } from '../src/api/types'
import DataTable from '../src/components/DataTable.vue'
import { i18n, useLocale } from '../src/i18n'
import { usePagedList, type PagedList } from '../src/lib/list'

interface Row {
  id: string
  name: string
}
const rows = (from: number, to: number): Row[] => Array.from({ length: to - from }, (_, i) => ({ id: `r${from + i}`, name: `井盖 ${from + i}` }))

let unmount = (): void => {}
const opened: string[] = []
let list: PagedList<Row>

async function show(read: (cursor: string | null) => Promise<Page<Row>>): Promise<HTMLElement> {
  const box = document.body.appendChild(document.createElement('div'))
  const app = createApp(
    defineComponent({
      setup() {
        list = usePagedList<Row>((cursor) => read(cursor))
        onMounted(() => void list.reload())
        return () =>
          h(DataTable as never, {
            name: 'test',
            label: '测试',
            list,
            columns: [
              { key: 'name', label: '名称', fixed: true, text: (r: Row) => r.name },
              { key: 'id', label: '编号', optional: true, text: (r: Row) => r.id },
            ],
            rowKey: (r: Row) => r.id,
            emptyTitle: '没有井盖',
            emptyHint: '换个筛选',
            opens: true,
            onOpen: (r: Row) => opened.push(r.id),
          })
      },
    }),
  )
  app.use(createPinia()).use(i18n)
  app.mount(box)
  unmount = () => app.unmount()
  await settle()
  return box
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await nextTick()
}
const press = (key: string): void => void document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))

beforeEach(async () => {
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  localStorage.clear()
  opened.length = 0
  await useLocale('zh-CN')
})
afterEach(() => {
  unmount()
  document.body.innerHTML = ''
})

it('shows a page, and the next one on demand', async () => {
  const box = await show(async (cursor) => (cursor ? { items: rows(2, 3), next: null } : { items: rows(0, 2), next: 'c' }))
  expect(box.querySelectorAll('tr[data-row]')).toHaveLength(2)
  expect(box.textContent).toContain('前 2 条')
  const more = [...box.querySelectorAll('button')].find((b) => b.textContent?.includes('再显示一些'))
  more!.click()
  await settle()
  expect(box.querySelectorAll('tr[data-row]')).toHaveLength(3)
  expect(box.textContent).toContain('井盖 2')
  expect(box.textContent).toContain('3 条')
})

it('says what to do when there is nothing', async () => {
  const box = await show(async () => ({ items: [], next: null }))
  expect(box.textContent).toContain('没有井盖')
  expect(box.textContent).toContain('换个筛选')
})

it('says why it failed and tries again', async () => {
  let broken = true
  const box = await show(async () => {
    if (broken) throw new ApiProblem({ status: 503, code: 'http.503', requestId: 'abc' })
    return { items: rows(0, 1), next: null }
  })
  expect(box.textContent).toContain('服务器出错')
  expect(box.textContent).toContain('abc')
  broken = false
  ;[...box.querySelectorAll('button')].find((b) => b.textContent?.includes('重试'))!.click()
  await settle()
  expect(box.textContent).toContain('井盖 0')
})

it('is worked by keys', async () => {
  const box = await show(async () => ({ items: rows(0, 3), next: null }))
  press('j')
  press('j')
  await settle()
  expect(box.querySelector('tr[aria-selected=true]')?.textContent).toContain('井盖 1')
  press('k')
  await settle()
  const row = box.querySelector<HTMLElement>('tr[aria-selected=true]')!
  expect(row.textContent).toContain('井盖 0')
  row.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))
  expect(opened).toEqual(['r0'])
})

it('hides optional columns until they are chosen, and remembers the choice', async () => {
  localStorage.setItem('cy.columns.test', '[]')
  const all = await show(async () => ({ items: rows(0, 1), next: null }))
  expect(all.querySelectorAll('th')).toHaveLength(2)
  unmount()
  localStorage.clear()
  const few = await show(async () => ({ items: rows(0, 1), next: null }))
  expect(few.querySelectorAll('th')).toHaveLength(1)
})

it('drops an answer that a newer question has overtaken', async () => {
  const answers: ((page: Page<Row>) => void)[] = []
  const box = await show(() => new Promise((resolve) => answers.push(resolve)))
  void list.reload()
  answers[1]!({ items: rows(5, 6), next: null })
  await settle()
  answers[0]!({ items: rows(0, 1), next: null })
  await settle()
  expect(box.textContent).toContain('井盖 5')
  expect(box.textContent).not.toContain('井盖 0')
})

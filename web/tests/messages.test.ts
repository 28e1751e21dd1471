import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const SRC = join(__dirname, '..', 'src')

type Tree = { [key: string]: string | Tree }

function leaves(tree: Tree, at = ''): Map<string, string> {
  const all = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    const path = at ? `${at}.${key}` : key
    if (typeof value === 'string') all.set(path, value)
    else for (const [p, v] of leaves(value, path)) all.set(p, v)
  }
  return all
}

const folders = ['i18n', ...readdirSync(join(SRC, 'pages')).map((room) => `pages/${room}`)]
const read = (folder: string, locale: string): Map<string, string> =>
  leaves(JSON.parse(readFileSync(join(SRC, folder, `messages.${locale}.json`), 'utf8')) as Tree)

/** `{n}` and the like; the English plural forms may repeat them. */
const placeholders = (text: string): string[] => [...new Set(text.match(/\{[a-z_0-9]+\}/gi) ?? [])].sort()

describe.each(folders)('messages of %s', (folder) => {
  const zh = read(folder, 'zh-CN')
  const en = read(folder, 'en')

  it('have the same keys in both languages', () => {
    expect([...en.keys()].sort()).toEqual([...zh.keys()].sort())
  })

  it('are all written', () => {
    for (const [key, text] of [...zh, ...en]) expect(text.trim(), key).not.toBe('')
  })

  it('fill in the same things', () => {
    for (const [key, text] of zh) expect(placeholders(en.get(key) ?? ''), key).toEqual(placeholders(text))
  })

  it('hold no Chinese in the English file', () => {
    for (const [key, text] of en) expect(text, key).not.toMatch(/[\u4e00-\u9fff]/)
  })
})

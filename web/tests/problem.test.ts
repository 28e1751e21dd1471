import { describe, expect, it } from 'vitest'

import { ApiProblem, networkProblem, problemFrom, problemMessage } from '../src/api/problem'
import zh from '../src/i18n/messages.zh-CN.json'

function lookup(key: string): unknown {
  return key.split('.').reduce<unknown>((tree, part) => (tree as Record<string, unknown> | undefined)?.[part], zh)
}
const t = (key: string, named: Record<string, unknown> = {}): string =>
  String(lookup(key) ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(named[name]))
const te = (key: string): boolean => {
  const found = key.startsWith('error.code.') ? (zh.error.code as Record<string, string>)[key.slice(11)] : lookup(key)
  return typeof found === 'string'
}
const say = (problem: unknown): string => problemMessage(problem, t, te)

describe('a refusal of the server', () => {
  it('speaks in its own words', () => {
    const p = problemFrom(409, { code: 'case.changed_meanwhile', title: 'Conflict', detail: '案件已被陈晓岚更新' })
    expect(p).toBeInstanceOf(ApiProblem)
    expect(p.code).toBe('case.changed_meanwhile')
    expect(say(p)).toBe('案件已被陈晓岚更新')
  })

  it('names the refused fields in the language of the user', () => {
    const p = problemFrom(422, {
      code: 'request.invalid',
      detail: '有 2 处填写有误',
      errors: [
        { field: 'note', code: 'field.required', detail: '必填' },
        { field: 'somewhere', code: 'field.value', detail: '不对' },
      ],
    })
    expect(say(p)).toBe('说明：必填；somewhere：不对')
    expect(p.forField('note')).toBe('必填')
    expect(p.forField('username')).toBeUndefined()
  })

  it('is understood in the shape of plain FastAPI too', () => {
    const p = problemFrom(422, { detail: [{ loc: ['body', 'place', 'lon'], msg: 'too far', type: 'less_than' }] })
    expect(p.errors).toEqual([{ field: 'place.lon', code: 'less_than', detail: 'too far' }])
    expect(p.forField('lon')).toBe('too far')
  })

  it.each([null, undefined, 'oops', 42, [], {}])('is a sentence even when the body is %j', (body) => {
    expect(say(problemFrom(502, body))).toBe('服务器出错，请稍后重试')
    expect(say(problemFrom(403, body))).toBe('没有权限做这件事')
    expect(say(problemFrom(418, body))).toContain('意外错误')
  })

  it('carries the number of the request', () => {
    expect(problemFrom(500, { request_id: 'r1' }).requestId).toBe('r1')
    expect(problemFrom(500, null, new Headers({ 'x-request-id': 'r2' })).requestId).toBe('r2')
  })

  it('says when another try makes sense', () => {
    expect(problemFrom(429, {}, new Headers({ 'retry-after': '30' })).retryAfter).toBe(30)
    expect(problemFrom(429, {}, new Headers()).retryAfter).toBeNull()
  })
})

it('a lost network says so', () => {
  expect(say(networkProblem())).toBe('连不上服务器，请检查网络后重试')
})

it('anything else is an unexpected error, not a stack trace', () => {
  expect(say(new TypeError('x is undefined'))).toContain('意外错误')
})

import createClient, { type Middleware } from 'openapi-fetch'

import type { paths } from './schema'
import { networkProblem, problemFrom } from './problem'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

let language = 'zh-CN'
let onSignedOut: () => void = () => {}

/** The language in which the server writes its sentences. */
export function setApiLanguage(lang: string): void {
  language = lang
}

/** Called once an answer says that the session is over. */
export function whenSignedOut(action: () => void): void {
  onSignedOut = action
}

export function cookie(name: string, jar: string = document.cookie): string | null {
  for (const part of jar.split(';')) {
    const [key, ...rest] = part.trim().split('=')
    if (key === name) return decodeURIComponent(rest.join('='))
  }
  return null
}

async function readBody(response: Response): Promise<unknown> {
  try {
    return await response.clone().json()
  } catch {
    return null
  }
}

const middleware: Middleware = {
  onRequest({ request }) {
    request.headers.set('Accept-Language', language)
    if (!SAFE.has(request.method)) {
      const token = cookie('cy_csrf')
      if (token) request.headers.set('X-CSRF-Token', token)
    }
    return request
  },
  async onResponse({ request, response }) {
    if (response.ok) return undefined
    const problem = problemFrom(response.status, await readBody(response), response.headers)
    if (response.status === 401 && !request.url.endsWith('/api/v1/session')) onSignedOut()
    throw problem
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return error
    return networkProblem()
  },
}

/** The typed client. Failed answers are thrown as ApiProblem, so `data` is always there. */
export const client = createClient<paths>({ baseUrl: '/', credentials: 'same-origin' })
client.use(middleware)

/** `const page = await take(client.GET('/api/v1/cases', {params: {query}}))` */
export async function take<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call
  return data as T
}

export type QueryValue = string | number | boolean | null | undefined

function address(path: string, query?: Record<string, QueryValue>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== '') search.set(key, String(value))
  }
  const tail = search.toString()
  return `/api/v1${path}${tail ? `?${tail}` : ''}`
}

async function plain<T>(method: string, path: string, options: SendOptions & { body?: unknown }): Promise<T> {
  const form = options.body instanceof FormData
  const headers = new Headers({ Accept: 'application/json', 'Accept-Language': language, ...options.headers })
  if (options.body !== undefined && !form && !headers.has('Content-Type')) headers.set('Content-Type', 'application/json')
  if (!SAFE.has(method)) {
    const token = cookie('cy_csrf')
    if (token) headers.set('X-CSRF-Token', token)
  }
  const raw = form || typeof options.body === 'string'
  let response: Response
  try {
    response = await fetch(address(path, options.query), {
      method,
      headers,
      credentials: 'same-origin',
      signal: options.signal ?? null,
      body: options.body === undefined ? null : raw ? (options.body as BodyInit) : JSON.stringify(options.body),
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw networkProblem()
  }
  if (!response.ok) {
    const problem = problemFrom(response.status, await readBody(response), response.headers)
    if (response.status === 401 && path !== '/session') onSignedOut()
    throw problem
  }
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

export interface SendOptions {
  query?: Record<string, QueryValue>
  headers?: Record<string, string>
  signal?: AbortSignal
}

/**
 * The same rules (language, CSRF token, problems thrown) for calls whose path is put together at run time or
 * whose body is not JSON: uploads, NDJSON.
 */
export const api = {
  get: <T>(path: string, query?: Record<string, QueryValue>, options: SendOptions = {}): Promise<T> =>
    plain<T>('GET', path, { ...options, query: { ...options.query, ...query } }),
  post: <T>(path: string, body?: unknown, options: SendOptions = {}): Promise<T> => plain<T>('POST', path, { ...options, body }),
  patch: <T>(path: string, body?: unknown, options: SendOptions = {}): Promise<T> =>
    plain<T>('PATCH', path, { ...options, body }),
  put: <T>(path: string, body?: unknown, options: SendOptions = {}): Promise<T> => plain<T>('PUT', path, { ...options, body }),
  delete: <T = void>(path: string, options: SendOptions = {}): Promise<T> => plain<T>('DELETE', path, options),
  /** Address of a download that the browser opens itself. */
  url: address,
}

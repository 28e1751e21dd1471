/** One refused field: which, why (code), and the sentence the server wrote in the user's language. */
export interface FieldProblem {
  field: string
  code: string
  detail: string
}

/** A refusal or failure of the server, as application/problem+json, or a lost connection (status 0). */
export class ApiProblem extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly errors: FieldProblem[]
  readonly allowed: string[]
  /** Seconds until another try makes sense, when the server says so. */
  readonly retryAfter: number | null
  readonly requestId: string | null

  constructor(init: Partial<Omit<ApiProblem, 'name' | 'message'>> & { status: number; code: string }) {
    super(init.detail || init.title || init.code)
    this.name = 'ApiProblem'
    this.status = init.status
    this.code = init.code
    this.title = init.title ?? ''
    this.detail = init.detail ?? ''
    this.errors = init.errors ?? []
    this.allowed = init.allowed ?? []
    this.retryAfter = init.retryAfter ?? null
    this.requestId = init.requestId ?? null
  }

  /** The sentence for one field of a form, if the server refused that field. */
  forField(field: string): string | undefined {
    return this.errors.find((e) => e.field === field || e.field.endsWith(`.${field}`))?.detail
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Reads `errors` of problem+json, and the `detail` list that plain FastAPI writes, into the same shape. */
function fieldProblems(body: Record<string, unknown>): FieldProblem[] {
  const list = Array.isArray(body.errors) ? body.errors : Array.isArray(body.detail) ? body.detail : []
  return list.map((entry) => {
    const e = asRecord(entry)
    const location = Array.isArray(e.loc) ? e.loc.filter((p) => p !== 'body' && p !== 'query').join('.') : ''
    return {
      field: text(e.field) || location,
      code: text(e.code) || text(e.type),
      detail: text(e.detail) || text(e.msg),
    }
  })
}

/** Makes a problem out of whatever a failed answer carried; never throws. */
export function problemFrom(status: number, body: unknown, headers?: Headers): ApiProblem {
  const b = asRecord(body)
  const after = Number(headers?.get('retry-after') ?? NaN)
  return new ApiProblem({
    status,
    code: text(b.code) || `http.${status}`,
    title: text(b.title),
    detail: text(b.detail),
    errors: fieldProblems(b),
    allowed: Array.isArray(b.allowed) ? b.allowed.map(String) : [],
    retryAfter: Number.isFinite(after) ? after : null,
    requestId: text(b.request_id) || (headers?.get('x-request-id') ?? null),
  })
}

/** The server was not reached at all. */
export function networkProblem(): ApiProblem {
  return new ApiProblem({ status: 0, code: 'network' })
}

type Translate = (key: string, named?: Record<string, unknown>) => string
type Exists = (key: string) => boolean

/**
 * One readable message: the server's own sentence first (it is already in the user's language), the refused fields
 * by their names in the user's language, and a general sentence when the server said nothing.
 */
export function problemMessage(problem: unknown, t: Translate, te: Exists): string {
  if (!(problem instanceof ApiProblem)) return t('error.unexpected')
  if (problem.errors.length > 0) {
    const lines = problem.errors.map((e) => {
      const label = e.field && te(`field.${e.field}`) ? t(`field.${e.field}`) : e.field
      return label ? t('error.field', { field: label, detail: e.detail }) : e.detail
    })
    return lines.filter(Boolean).join(t('error.join'))
  }
  if (problem.detail) return problem.detail
  if (te(`error.code.${problem.code}`)) return t(`error.code.${problem.code}`)
  const status = problem.status >= 500 ? 500 : problem.status
  return te(`error.status.${status}`) ? t(`error.status.${status}`) : problem.title || t('error.unexpected')
}

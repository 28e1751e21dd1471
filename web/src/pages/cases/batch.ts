import { api } from '@/api/client'
import type { Case, UnitSuggestion } from '@/api/types'

export interface BatchResult {
  ok: number
  failed: string[]
  /** Cases for which no unit is suggested: left for a person. */
  unsure: number
  /** The first refusal, to show why. */
  problem: unknown
}

async function suggested(row: Case): Promise<string | null> {
  const units = await api.get<UnitSuggestion[]>('/cases/units', { region_code: row.region_code, class_code: row.class?.code, kind: row.class?.kind, edition: row.class?.edition })
  return units.find((u) => u.suggested)?.id ?? null
}

/** The same step for many cases, one after the other; each carries the revision that was on the screen. */
export async function runBatch(operation: string, rows: Case[], onProgress: (done: number) => void): Promise<BatchResult> {
  const result: BatchResult = { ok: 0, failed: [], unsure: 0, problem: null }
  for (const [at, row] of rows.entries()) {
    try {
      const body: Record<string, unknown> = { revision: row.revision }
      if (operation === 'dispatch') body.unit_id = await suggested(row)
      if (operation === 'dispatch' && body.unit_id === null) {
        result.unsure += 1
        result.failed.push(row.id)
      } else {
        await api.post(`/cases/${row.id}/${operation}`, body)
        result.ok += 1
      }
    } catch (problem) {
      result.problem ??= problem
      result.failed.push(row.id)
    }
    onProgress(at + 1)
  }
  return result
}

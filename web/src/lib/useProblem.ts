import { ElMessage } from 'element-plus'
import { useI18n } from 'vue-i18n'

import { problemMessage } from '@/api/problem'

/** `const { explain, show } = useProblem()`: a problem as a sentence, or as a message at the top of the page. */
export function useProblem() {
  const { t, te } = useI18n()
  const explain = (problem: unknown): string =>
    problemMessage(problem, (key, named) => t(key, named ?? {}), (key) => te(key))
  const show = (problem: unknown): void => {
    ElMessage({ type: 'error', message: explain(problem), duration: 6000, showClose: true })
  }
  return { explain, show }
}

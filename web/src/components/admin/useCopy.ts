import { ElMessage } from 'element-plus'
import { useI18n } from 'vue-i18n'

/** Puts a text on the clipboard. Pages opened by plain HTTP have no clipboard of their own: the older way serves there. */
export function useCopy(): (text: string) => Promise<boolean> {
  const { t } = useI18n()
  return async (text) => {
    const done = (await modern(text)) || older(text)
    ElMessage({ type: done ? 'success' : 'warning', message: t(done ? 'action.copied' : 'accounts.copy_failed') })
    return done
  }
}

async function modern(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

function older(text: string): boolean {
  const box = document.createElement('textarea')
  box.value = text
  box.style.position = 'fixed'
  box.style.opacity = '0'
  document.body.append(box)
  box.select()
  const done = document.execCommand('copy')
  box.remove()
  return done
}

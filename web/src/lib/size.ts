import { onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue'

/** Inner size of the window, kept up to date. */
export function useWindowSize(): { width: Ref<number>; height: Ref<number> } {
  const width = ref(window.innerWidth)
  const height = ref(window.innerHeight)
  const read = (): void => {
    width.value = window.innerWidth
    height.value = window.innerHeight
  }
  onMounted(() => window.addEventListener('resize', read))
  onBeforeUnmount(() => window.removeEventListener('resize', read))
  return { width, height }
}

/** Content size of an element, kept up to date. */
export function useElementSize(element: Ref<HTMLElement | undefined>): { width: Ref<number>; height: Ref<number> } {
  const width = ref(0)
  const height = ref(0)
  const watcher = new ResizeObserver(([entry]) => {
    if (!entry) return
    width.value = entry.contentRect.width
    height.value = entry.contentRect.height
  })
  watch(element, (now, before) => {
    if (before) watcher.unobserve(before)
    if (now) watcher.observe(now)
  })
  onBeforeUnmount(() => watcher.disconnect())
  return { width, height }
}

import 'vue-router'

declare module 'vue-router' {
  interface RouteMeta {
    /** The key of the page's name in the message files; also the browser's title. */
    title?: string
    /** Needed permission; with several, any one opens the page. */
    permission?: string | string[]
    /** Place in the top bar; without it the page is reached by links only. */
    nav?: { order: number; label: string }
    /** `desk` (light, top bar), `cockpit` (dark, own header) or `bare` (nothing around). */
    layout?: 'desk' | 'cockpit' | 'bare'
    /** Reachable without signing in. */
    open?: boolean
    /** The path whose entry in the top bar is marked on this page, where it differs from the page's own. */
    section?: string
  }
}

export {}

import './types'

import { watch } from 'vue'
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'

import { i18n } from '@/i18n'
import { useSession } from '@/stores/session'

import { homeFor } from './home'

/** Each room brings its own routes: src/pages/<room>/routes.ts. */
const rooms = import.meta.glob<{ routes: RouteRecordRaw[] }>('../pages/*/routes.ts', { eager: true })
const roomRoutes = Object.values(rooms).flatMap((room) => room.routes)

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', name: 'home', component: { render: () => null }, meta: { layout: 'bare' } },
    ...roomRoutes,
    {
      path: '/:rest(.*)*',
      name: 'missing',
      component: () => import('@/pages/help/MissingPage.vue'),
      meta: { title: 'missing.title', open: true },
    },
  ],
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
})

export interface NavEntry {
  path: string
  label: string
  order: number
}

/** Top-bar entries that this user may open, in order. */
export function navEntries(can: (permission: string | string[]) => boolean): NavEntry[] {
  return roomRoutes
    .filter((route) => route.meta?.nav && (!route.meta.permission || can(route.meta.permission)))
    .map((route) => ({ path: route.path, label: route.meta!.nav!.label, order: route.meta!.nav!.order }))
    .sort((a, b) => a.order - b.order)
}

function home(): string {
  const session = useSession()
  const mayOpen = (path: string): boolean => {
    const route = roomRoutes.find((r) => r.path === path)
    return route !== undefined && (!route.meta?.permission || session.can(route.meta.permission))
  }
  return homeFor(session.me?.user.posts ?? [], mayOpen, navEntries(session.can).map((e) => e.path))
}

router.beforeEach(async (to) => {
  const session = useSession()
  try {
    await session.restore()
  } catch {
    // The server cannot be reached: open pages still open; the others say so on the log-in page.
    if (!to.meta.open) return { name: 'login', query: { to: to.fullPath, unreachable: '1' } }
    return true
  }
  if (!session.signedIn) {
    if (to.name === 'missing') return { name: 'login', query: { to: to.fullPath } }
    return to.meta.open ? true : { name: 'login', query: to.path === '/' ? {} : { to: to.fullPath } }
  }
  if (to.name === 'home' || to.name === 'login') return home()
  if (to.meta.permission && !session.can(to.meta.permission)) {
    return { name: 'forbidden', query: { from: to.fullPath } }
  }
  return true
})

function showTitle(): void {
  const { title } = router.currentRoute.value.meta
  const brand = i18n.global.t('brand.name')
  document.title = title ? `${i18n.global.t(title)} · ${brand}` : brand
}
router.afterEach(showTitle)
watch(i18n.global.locale, showTitle)

// After an upgrade the old page asks for chunks that are gone: load the page anew, once.
router.onError((error, to) => {
  const gone = /dynamically imported module|Importing a module script failed|Failed to fetch/i.test(String(error?.message))
  if (gone && sessionStorage.getItem('cy.reloaded') !== to.fullPath) {
    sessionStorage.setItem('cy.reloaded', to.fullPath)
    window.location.assign(to.fullPath)
  }
})

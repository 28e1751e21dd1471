import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/packs',
    name: 'packs',
    component: () => import('./PacksPage.vue'),
    meta: { title: 'packs.title', permission: 'pack.read', nav: { order: 60, label: 'packs.nav' } },
  },
  { path: '/packs/:key', name: 'pack', component: () => import('./PackPage.vue'), meta: { title: 'packs.one', permission: 'pack.read', section: '/packs' } },
]

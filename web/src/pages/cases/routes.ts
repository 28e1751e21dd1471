import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/cases',
    name: 'cases',
    component: () => import('./CasesPage.vue'),
    meta: { title: 'cases.title', permission: 'case.read', nav: { order: 30, label: 'cases.nav' } },
  },
  {
    path: '/cases/new',
    name: 'case-new',
    component: () => import('./NewCasePage.vue'),
    meta: { title: 'cases.new.title', permission: 'case.report', section: '/cases' },
  },
  {
    path: '/cases/:id',
    name: 'case',
    component: () => import('./CasePage.vue'),
    meta: { title: 'cases.one', permission: 'case.read', section: '/cases' },
  },
]

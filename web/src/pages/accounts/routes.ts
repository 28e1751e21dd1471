import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/accounts',
    name: 'accounts',
    component: () => import('./AccountsPage.vue'),
    meta: {
      title: 'accounts.title',
      permission: ['user.manage', 'role.manage', 'apikey.manage', 'org.manage', 'audit.read', 'personal.read'],
      nav: { order: 90, label: 'accounts.nav' },
    },
  },
  { path: '/accounts/me', name: 'me', component: () => import('./MePage.vue'), meta: { title: 'accounts.me.title' } },
]

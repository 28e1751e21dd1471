import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/cockpit',
    name: 'cockpit',
    component: () => import('./CockpitPage.vue'),
    meta: {
      title: 'cockpit.title',
      layout: 'cockpit',
      permission: ['case.read', 'alarm.read', 'device.read'],
      nav: { order: 10, label: 'cockpit.nav' },
    },
  },
]

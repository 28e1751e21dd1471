import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/map',
    name: 'map',
    component: () => import('./MapPage.vue'),
    meta: { title: 'map.title', permission: ['device.read', 'alarm.read'], nav: { order: 20, label: 'map.nav' } },
  },
]

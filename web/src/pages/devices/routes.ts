import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/devices',
    name: 'devices',
    component: () => import('./DevicesPage.vue'),
    meta: { title: 'devices.title', permission: 'device.read', nav: { order: 50, label: 'devices.nav' } },
  },
  {
    path: '/devices/:id',
    name: 'device',
    component: () => import('./DevicePage.vue'),
    meta: { title: 'devices.one', permission: 'device.read', section: '/devices' },
  },
]

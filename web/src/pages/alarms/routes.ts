import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/alarms',
    name: 'alarms',
    component: () => import('./AlarmsPage.vue'),
    meta: { title: 'alarms.title', permission: 'alarm.read', nav: { order: 40, label: 'alarms.nav' } },
  },
  {
    path: '/alarms/:id',
    name: 'alarm',
    component: () => import('./AlarmPage.vue'),
    meta: { title: 'alarms.one', permission: 'alarm.read', section: '/alarms' },
  },
]

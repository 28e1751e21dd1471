import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/telemetry/dead-letters',
    name: 'dead-letters',
    component: () => import('./DeadLettersPage.vue'),
    meta: { title: 'telemetry.title', permission: 'deadletter.read', section: '/devices' },
  },
]

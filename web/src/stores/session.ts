import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { client, take } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { Me } from '@/api/types'

/** Who is signed in and what they may do. The session itself is a cookie that scripts cannot read. */
export const useSession = defineStore('session', () => {
  const me = ref<Me | null>(null)
  /** False until the server has been asked once. */
  const known = ref(false)
  const signedIn = computed(() => me.value !== null)
  const permissions = computed(() => new Set(me.value?.permissions ?? []))
  let asking: Promise<void> | null = null

  async function ask(): Promise<void> {
    try {
      me.value = await take(client.GET('/api/v1/session'))
    } catch (problem) {
      if (!(problem instanceof ApiProblem) || problem.status !== 401) throw problem
      me.value = null
    }
    known.value = true
  }

  /** Finds out once whether the cookie is still good. */
  function restore(): Promise<void> {
    if (known.value) return Promise.resolve()
    asking ??= ask().finally(() => (asking = null))
    return asking
  }

  async function signIn(username: string, password: string): Promise<Me> {
    me.value = await take(client.POST('/api/v1/session', { body: { username, password } }))
    known.value = true
    return me.value
  }

  async function signOut(): Promise<void> {
    try {
      await client.DELETE('/api/v1/session')
    } finally {
      forget()
    }
  }

  /** The session ended on the server's side. */
  function forget(): void {
    me.value = null
    known.value = true
  }

  /** True if the user holds the permission, or any one of several. */
  function can(permission: string | string[]): boolean {
    return Array.isArray(permission)
      ? permission.length === 0 || permission.some((p) => permissions.value.has(p))
      : permissions.value.has(permission)
  }

  return { me, known, signedIn, permissions, restore, signIn, signOut, forget, can }
})

import { createI18n } from 'vue-i18n'

import { setApiLanguage } from '@/api/client'

import type { Tree } from './merge'

export type Locale = 'zh-CN' | 'en'
export const LOCALES: readonly Locale[] = ['zh-CN', 'en']
const REMEMBERED = 'cy.language'

/** Each language is one chunk that holds the shared file and the file of every room. */
const bundles: Record<Locale, () => Promise<{ default: Tree }>> = {
  'zh-CN': () => import('./zh-CN'),
  en: () => import('./en'),
}

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN' as string,
  fallbackLocale: 'zh-CN',
  messages: {} as Record<string, Tree>,
  missingWarn: import.meta.env.DEV,
  fallbackWarn: false,
})

const loaded = new Set<string>()

async function load(locale: Locale): Promise<void> {
  if (loaded.has(locale)) return
  i18n.global.setLocaleMessage(locale, (await bundles[locale]()).default)
  loaded.add(locale)
}

export function isLocale(value: unknown): value is Locale {
  return LOCALES.includes(value as Locale)
}

/** The language chosen last on this computer, else the browser's, else Chinese. */
export function firstLocale(): Locale {
  const remembered = localStorage.getItem(REMEMBERED)
  if (isLocale(remembered)) return remembered
  return /^(zh|$)/i.test(navigator.language ?? '') ? 'zh-CN' : 'en'
}

export async function useLocale(locale: Locale, remember = true): Promise<void> {
  await load(locale)
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
  setApiLanguage(locale)
  if (remember) localStorage.setItem(REMEMBERED, locale)
}

/** True when the user has chosen a language on this computer. */
export function hasChosenLocale(): boolean {
  return isLocale(localStorage.getItem(REMEMBERED))
}

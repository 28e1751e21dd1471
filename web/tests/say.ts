import { createI18n } from 'vue-i18n'

import en from '../src/i18n/messages.en.json'
import zh from '../src/i18n/messages.zh-CN.json'

type Say = (key: string, named?: Record<string, unknown>, plural?: number) => string

const i18n = createI18n({ legacy: false, locale: 'zh-CN', messages: { 'zh-CN': zh, en } as unknown as Record<string, never> })
const translate = i18n.global.t as unknown as (key: string, named: Record<string, unknown>, options: object) => string

/** The real messages in one language, for tests of words. */
export function say(locale: 'zh-CN' | 'en'): Say {
  return (key, named = {}, plural) => translate(key, named, plural === undefined ? { locale } : { locale, plural })
}

import { useI18n } from 'vue-i18n'

/** Names of posts, units, permissions, actions and objects in the user's language. */
export function useWords() {
  const { t, te, locale } = useI18n()
  const either = (thing: { name: string; name_en: string; key: string }): string => (locale.value === 'en' ? thing.name_en : thing.name) || thing.name || thing.key
  const known = (key: string, fallback: string): string => (te(key) ? t(key) : fallback)
  return {
    either,
    kind: (kind: string) => known(`accounts.kind.${kind}`, kind),
    group: (group: string) => known(`accounts.group.${group}`, group),
    act: (action: string) => known(`accounts.act.${action.replaceAll('.', '_')}`, action),
    object: (type: string) => known(`accounts.object.${type}`, type),
    field: (name: string) => known(`accounts.noted.${name}`, name),
  }
}

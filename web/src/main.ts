import 'element-plus/es/components/message/style/css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/element.css'

import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import { whenSignedOut } from './api/client'
import { firstLocale, i18n, useLocale } from './i18n'
import { router } from './router'
import { useAbout } from './stores/about'
import { useSession } from './stores/session'

async function start(): Promise<void> {
  const app = createApp(App)
  app.use(createPinia())
  app.use(i18n)
  await useLocale(firstLocale(), false)

  const session = useSession()
  whenSignedOut(() => {
    if (!session.signedIn) return
    session.forget()
    const here = router.currentRoute.value
    if (!here.meta.open) void router.push({ name: 'login', query: { to: here.fullPath, ended: '1' } })
  })
  const about = useAbout()
  about.start()
  void about.refresh().catch(() => {})

  app.use(router)
  await router.isReady().catch(() => {})
  app.mount('#app')
}

void start()

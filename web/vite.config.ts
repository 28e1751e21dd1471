import { fileURLToPath, URL } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import Components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vitest/config'

/** Where `npm run dev` finds a running server. */
const api = process.env.CHENGYUN_API ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [
    vue(),
    // Element Plus parts are pulled in one by one, so that a page pays only for what it shows.
    Components({ dirs: [], dts: false, resolvers: [ElementPlusResolver({ importStyle: 'css' })] }),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // MapLibre starts its worker as a module.
  worker: { format: 'es' },
  build: {
    outDir: '../src/chengyun/server/static',
    emptyOutDir: true,
    target: 'es2022',
    // Nothing may be inlined as data: URL scripts; small images may.
    chunkSizeWarningLimit: 1400,
  },
  server: { proxy: { '/api': api, '/healthz': api } },
  test: { environment: 'jsdom', server: { deps: { inline: ['element-plus'] } }, include: ['tests/**/*.test.ts', 'src/**/*.test.ts'] },
})

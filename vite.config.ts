// Builds the page into dist/web. The theme's variables become a static stylesheet: the policy allows no style elements.

import { fileURLToPath } from 'node:url'
import { convertCssVariables, DEFAULT_THEME, deepMerge, defaultCssVariablesResolver, mergeMantineTheme } from '@mantine/core'
import react from '@vitejs/plugin-react'
import preset from 'postcss-preset-mantine'
import { defineConfig, type Plugin } from 'vite'
import { resolveVariables, theme } from './src/web/theme.ts'

function themeStyles(): Plugin {
  const id = 'virtual:theme.css'
  return {
    name: 'theme-styles',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load: (source) => {
      if (source !== `\0${id}`) return undefined
      const merged = mergeMantineTheme(DEFAULT_THEME, theme)
      return convertCssVariables(deepMerge(defaultCssVariablesResolver(merged), resolveVariables(merged)))
    },
  }
}

/** The list of machines is fetched beside what every page needs, instead of after that has run: most come for it. */
function preloadList(): Plugin {
  return {
    name: 'preload-list',
    transformIndexHtml: {
      order: 'post',
      handler: (html, { bundle }) => {
        const chunks = Object.values(bundle ?? {}).filter((file) => file.type === 'chunk')
        const list = chunks.find((chunk) => chunk.facadeModuleId?.endsWith('/equipment/pages/list.tsx'))
        const files = list ? [list.fileName, ...list.imports] : []
        return files.filter((file) => !html.includes(file)).map((file) => ({ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `/${file}` }, injectTo: 'head' as const }))
      },
    },
  }
}

/** The server says each refusal in full, so the page need not carry those sentences in two languages. */
function withoutProblems(): Plugin {
  return { name: 'without-problems', enforce: 'pre', transform: (code, id) => (id.endsWith('/words.ts') ? code.replace(/^ {4}problems: \{\n[\s\S]*?^ {4}\},\n/gm, '') : undefined) }
}

/** What several pages share comes in one file: thirty small ones kept a slow machine busy for half a second. */
const codeSplitting = { groups: [{ name: 'shared', minShareCount: 4 }] }

export default defineConfig({
  plugins: [react(), preloadList(), themeStyles(), withoutProblems()],
  publicDir: 'src/web/public',
  resolve: { alias: { typebox: fileURLToPath(new URL('./src/web/schema-kinds.ts', import.meta.url)) } },
  css: { postcss: { plugins: [preset()] } },
  build: {
    outDir: 'dist/web',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting } },
  },
  server: { proxy: { '/api': 'http://localhost:3000' } },
})

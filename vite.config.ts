// Builds the page into dist/web. The theme's variables become a static stylesheet: the policy allows no style elements.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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

const kit = fileURLToPath(new URL('node_modules/@mantine/core/', import.meta.url))

/** The kit's styles, of what the page uses alone and in the kit's order: all of them are a third of a megabyte that every visitor's browser reads. */
function kitStyles(): Plugin {
  const id = 'virtual:kit.css'
  return {
    name: 'kit-styles',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load: (source) => {
      if (source !== `\0${id}`) return undefined
      const all = readFileSync(join(kit, 'styles.css'), 'utf8')
      const style = (name: string) => readFileSync(join(kit, 'styles', `${name}.css`), 'utf8').trim()
      const used = [...usedParts()].map(style)
      return [style('baseline'), style('global'), ...used.sort((one, other) => all.indexOf(one) - all.indexOf(other))].join('\n')
    },
  }
}

/** The parts of the kit that the page's sources and the kit's other packages name, and the parts these are made of. */
function usedParts(): Set<string> {
  const read = (path: string) => readFileSync(path, 'utf8')
  const files = new Map<string, string>()
  for (const [, names = '', file = ''] of read(join(kit, 'esm/index.mjs')).matchAll(/^import \{ ([^}]+) \} from "(\.[^"]+)"/gm))
    for (const name of names.split(', ')) files.set(name.split(' as ').at(-1) ?? name, join(kit, 'esm', file))
  const places = [fileURLToPath(new URL('src', import.meta.url)), ...['charts', 'notifications', 'spotlight'].map((name) => join(kit, '..', name, 'esm'))]
  const sources = places.flatMap((place) => readdirSync(place, { recursive: true, encoding: 'utf8' }).flatMap((name) => (/\.(tsx?|mjs)$/.test(name) ? [join(place, name)] : [])))
  const seen = new Set<string>()
  const walk = (file: string | undefined) => {
    if (!file || seen.has(file)) return
    seen.add(file)
    for (const [, path = ''] of read(file).matchAll(/ from "(\.[^"]+)"/g)) walk(join(file, '..', path))
  }
  for (const source of sources)
    for (const [, names = ''] of read(source).matchAll(/import \{([^}]+)\} from ['"]@mantine\/core['"]/g)) for (const name of names.split(',')) walk(files.get(name.trim().split(' as ')[0] ?? ''))
  return new Set([...seen].flatMap((file) => /([^/\\]+)\.module\.mjs$/.exec(file)?.[1] ?? []))
}

/** The server says each refusal in full, so the page need not carry those sentences in two languages. */
function withoutProblems(): Plugin {
  return { name: 'without-problems', enforce: 'pre', transform: (code, id) => (id.endsWith('/words.ts') ? code.replace(/^ {4}problems: \{\n[\s\S]*?^ {4}\},\n/gm, '') : undefined) }
}

/** What several pages share comes in one file: thirty small ones kept a slow machine busy for half a second. */
const codeSplitting = { groups: [{ name: 'shared', minShareCount: 4 }] }

export default defineConfig({
  plugins: [react(), preloadList(), kitStyles(), themeStyles(), withoutProblems()],
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

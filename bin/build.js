// Builds what `npm start` runs: the page into dist/web and the program into dist/cli.js.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
process.chdir(root)
// Whoever calls it, as a test does with its own: what is built is what is shipped.
process.env.NODE_ENV = 'production'

// A package holds what was built, and nothing to build it from.
if (!existsSync('src/cli.ts') && existsSync('dist/cli.js')) process.exit(0)

async function load(name) {
  try {
    return await import(name)
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return null
    throw error
  }
}

const [esbuild, vite] = await Promise.all([load('esbuild'), load('vite')])
if (!esbuild || !vite) {
  // An install without the build tools runs what was built before; without that there is nothing to run.
  if (existsSync('dist/cli.js') && existsSync('dist/web/index.html')) process.exit(0)
  process.stderr.write('The build tools are missing. Run `npm ci` without --omit=dev.\n')
  process.exit(1)
}

const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
await esbuild.build({
  entryPoints: ['src/cli.ts', 'src/features/imports/reading-worker.ts'],
  entryNames: '[name]',
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // In one file the program is there in a third of the time; what is native, optional or full of files of its own stays outside.
  external: ['@node-rs/argon2', '@scalar/fastify-api-reference', 'pg-native', ...Object.keys(optionalDependencies)],
  banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
  sourcemap: true,
  // A comment with one letter beyond Latin 1 would make the whole text take two bytes a character in memory.
  minifyWhitespace: true,
  legalComments: 'external',
  logLevel: 'warning',
})
await vite.build({ root, logLevel: 'warn' })

// Packed once and well, instead of for each visitor and in haste.
for (const { name, parentPath } of readdirSync('dist/web', { recursive: true, withFileTypes: true })) {
  if (!/\.(js|css|svg)$/.test(name)) continue
  const path = join(parentPath, name)
  const bytes = readFileSync(path)
  if (bytes.length < 1024) continue
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }))
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
}

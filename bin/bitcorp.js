#!/usr/bin/env node
// Starts the program that was built into dist/; builds it first where an install left that out.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const [major, minor] = process.versions.node.split('.').map(Number)

function refuse(sentence) {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}

if (major < 20 || (major === 20 && minor < 19)) refuse(`Bitcorp ERP needs Node 20.19 or newer; this is Node ${process.versions.node}.`)
try {
  // Installed as a package, what it needs stands beside it; in a clone, inside it.
  import.meta.resolve('fastify')
} catch {
  refuse(`The packages are missing. Run \`npm ci\` in ${root} first.`)
}
if (!existsSync(resolve(root, 'dist', 'cli.js'))) {
  process.stderr.write('Building the program (once) …\n')
  const { status } = spawnSync(process.execPath, [resolve(root, 'bin', 'build.js')], { stdio: ['ignore', 2, 2] })
  if (status !== 0 || !existsSync(resolve(root, 'dist', 'cli.js'))) refuse('The program could not be built; the reason stands above. `npm ci && npm run build` does it by hand.')
}
// What is garbage is collected when the memory in use has grown by a fifth, not doubled: about 80 MiB less after a load.
setFlagsFromString('--heap-growing-percent=20')
await import('../dist/cli.js')

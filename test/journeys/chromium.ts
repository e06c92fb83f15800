// A browser that runs here: the one installed, else the one that comes as a package.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import bundled from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage']

export async function launch(): Promise<Browser> {
  const installed = '/usr/bin/chromium'
  const executablePath = existsSync(installed) ? installed : await bundled.executablePath()
  return chromium.launch({ executablePath, headless: true, args: flags, env: { ...process.env, ...libraries(executablePath) } })
}

/** A bare machine lacks a few libraries that the browser wants; its package brings them. */
function libraries(executable: string): Record<string, string> {
  if (!/not found/.test(spawnSync('ldd', [executable], { encoding: 'utf8' }).stdout ?? '')) return {}
  const folder = join(tmpdir(), 'bitcorp-browser-libraries')
  if (!existsSync(join(folder, 'lib'))) {
    mkdirSync(folder, { recursive: true })
    const packed = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '..', '..', 'bin', 'al2023.tar.br')
    spawnSync('tar', ['-x', '-C', folder], { input: brotliDecompressSync(readFileSync(packed)) })
  }
  return { LD_LIBRARY_PATH: join(folder, 'lib') }
}

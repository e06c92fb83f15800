// What is shipped: the packed package installs and serves without a build and without scripts, and the container and service files fit it.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readConfig, secretSettings } from '../src/base/config.ts'
import { rooms } from '../src/server.ts'
import { buildWhenStale, cleanUp, root, run, signIn, start } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'bitcorp-package-'))
afterAll(async () => {
  await cleanUp()
  rmSync(folder, { recursive: true, force: true })
})

/** Installers chatter about where they fetch from: only what went wrong is told. */
function npm(args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync('npm', [...args, '--no-audit', '--no-fund'], { cwd, encoding: 'utf8', env: { ...process.env, NODE_ENV: '' } })
  if (status !== 0) throw new Error(`npm ${args[0]}: ${stderr.slice(-2000).replace(/[a-z]+:\/\/\S*/g, '(address)')}`)
  return stdout
}

describe('the package', () => {
  type Packed = { filename: string; size: number; unpackedSize: number; files: { path: string; mode: number }[] }
  let packed: Packed
  const home = join(folder, 'home')
  const program = join(home, 'node_modules', 'bitcorp-erp')
  beforeAll(() => {
    buildWhenStale()
    const told = JSON.parse(npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root)) as Packed[] | Record<string, Packed>
    packed = Object.values(told)[0] as Packed
    mkdirSync(home)
    writeFileSync(join(home, 'package.json'), '{ "private": true }')
    // What `npm ci` fetched stands in npm's cache; without scripts, as a careful administrator installs.
    npm(['install', '--omit=dev', '--ignore-scripts', '--prefer-offline', join(folder, packed.filename)], home)
  }, 300_000)

  it('holds the program and what it reads, and neither sources, tests nor secrets', () => {
    const paths = packed.files.map((file) => file.path)
    process.stdout.write(`${paths.length} files, ${(packed.size / 1e6).toFixed(2)} MB packed, ${(packed.unpackedSize / 1e6).toFixed(2)} MB unpacked\n`)
    const known =
      /^(README\.md|package\.json|bin\/(bitcorp|build)\.js|db\/(roles|logic|schema)\.sql|db\/migrations\/\w+\.sql|demo\/[\w-]+\.(csv|xlsx)|dist\/(cli|reading-worker)\.js(\.LEGAL\.txt)?|dist\/web\/.+|docs\/(operate|settings|growing|handbook)\.md|packaging\/[\w.-]+|src\/base\/leaked-passwords\.gz|src\/features\/[\w-]+\/logic\.sql)$/
    expect(paths.filter((path) => !known.test(path))).toEqual([])
    expect(paths.filter((path) => /\.test\.|\.tsx?$|\.map$|keys\.json|secret(s\.json|s\/)|\.env/.test(path))).toEqual([])
    for (const room of rooms) expect(paths).toContain(`src/features/${room}/logic.sql`)
    expect(paths.filter((path) => path.startsWith('db/migrations/')).length).toBe(readdirSync(join(root, 'db', 'migrations')).length)
    expect(packed.size).toBeLessThan(5e6)
    expect(/[\u0100-\uffff]/.exec(readFileSync(join(program, 'dist', 'cli.js'), 'utf8'))?.[0], 'one of these doubles what the program’s text takes in memory').toBeUndefined()
  })

  it('brings what serves, and nothing that builds or tests', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> }
    const installed = new Set(
      execFileSync('npm', ['ls', '--all', '--parseable'], { cwd: home, encoding: 'utf8' })
        .split('\n')
        .map((line) => line.split('node_modules/').pop() ?? ''),
    )
    expect(installed.size).toBeGreaterThan(50)
    expect(
      [...installed].filter((name) => /^(esbuild|vite|vitest|typescript|tsx|react|react-dom|playwright-core|@biomejs\/biome|squawk-cli|@mantine\/core)$/.test(name) && name in devDependencies),
    ).toEqual([])
  })

  it('says its version by npx', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect(execFileSync('npx', ['bitcorp', '--version'], { cwd: home, encoding: 'utf8' }).trim()).toBe(version)
  })

  it('serves page, API and demo, also to a user who may not write into it', async () => {
    const data = join(folder, 'site', 'data')
    mkdirSync(join(folder, 'site'))
    execFileSync('chmod', ['-R', 'a+rX,go-w', folder])
    execFileSync('chmod', ['777', join(folder, 'site')])
    const other = process.getuid?.() === 0 ? { uid: 65534 } : {}
    const served = start(['serve'], data, { ...other, command: join(program, 'bin', 'bitcorp.js'), cwd: join(folder, 'site'), env: { BITCORP_DEMO: '1' } })
    const url = await served.ready()
    try {
      const session = await signIn(url)
      const list = (await (await fetch(`${url}/api/v1/companies/${session.companyId}/equipment?limit=5`, { headers: { cookie: session.cookie } })).json()) as { items: unknown[] }
      expect(list.items.length).toBe(5)
      const doctor = await run(['doctor'], data, { ...other, command: join(program, 'bin', 'bitcorp.js'), cwd: join(folder, 'site') })
      expect(doctor.output + doctor.errors).toMatch(/migrations: \d+ applied/)
      expect(doctor.output + doctor.errors).not.toMatch(/ENOENT|no such file/)
      const page = await (await fetch(url)).text()
      const asset = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1] ?? 'no script in the page'
      expect((await fetch(url + asset)).headers.get('content-type')).toMatch(/javascript/)
    } finally {
      expect(await served.stop()).toBe(0)
    }
    if (other.uid) expect(existsSync(join(data, 'postgresql-18.4.0', 'complete')), 'the database’s programs, which only root could link in place').toBe(true)
    rmSync(realpathSync(join(data, 'postgres')), { recursive: true, force: true })
  })
})

describe('the container', () => {
  const lines = readFileSync(join(root, 'Dockerfile'), 'utf8').replace(/\\\n/g, ' ').split('\n')
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
  // The forms this file uses: a name at the top, and globs.
  const isIgnored = (path: string) =>
    ignored.some((rule) => {
      const pattern = rule.replaceAll('.', '\\.').replace(/\*\*\/|\*/g, (glob) => (glob === '*' ? '[^/]*' : '(.+/)?'))
      return new RegExp(`^${pattern}(/|$)`).test(path)
    })

  it('copies only what is there and not kept out; and what builds it gets through', () => {
    const copied = lines.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(/\s+/).slice(1, -1))
    expect(copied.length).toBeGreaterThan(5)
    const needed = [
      'bin/build.js',
      'index.html',
      'vite.config.ts',
      'tsconfig.json',
      'src/cli.ts',
      'src/browser.tsx',
      'db/roles.sql',
      'db/migrations',
      'demo',
      'docs/operate.md',
      'docs/settings.md',
      'docs/growing.md',
      'docs/handbook.md',
      'packaging',
      'README.md',
      '.npmrc',
    ]
    for (const path of [...copied, ...needed]) {
      expect(existsSync(join(root, path)), path).toBe(true)
      expect(isIgnored(path), path).toBe(false)
    }
    for (const path of ['node_modules/pg', 'data/keys.json', 'secrets/database_url', '.git/config', 'src/base/config.test.ts', 'test/server.ts', 'bitcorp-erp-0.1.0.tgz'])
      expect(isIgnored(path), path).toBe(true)
    const stages = lines.flatMap((line) => /^FROM \S+ AS (\w+)/.exec(line)?.[1] ?? [])
    for (const line of lines) if (line.startsWith('COPY --from=')) expect(stages).toContain(/--from=(\w+)/.exec(line)?.[1])
  })

  it('runs as nobody special, tells its health, and installs nothing in its last stage', () => {
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
    expect(last).toContain('USER node')
    expect(last).toContain('VOLUME /data')
    expect(last.join('\n')).toMatch(/HEALTHCHECK .*\/healthz/)
    expect(last.join('\n')).not.toMatch(/npm (ci|install)|apt-get/)
    const env = Object.fromEntries([...(last.find((line) => line.startsWith('ENV ')) ?? '').matchAll(/(\w+)=(\S+)/g)].map((match) => [match[1], match[2]]))
    expect(readConfig(env)).toMatchObject({ host: '0.0.0.0', port: 3000, dataDir: '/data', demo: false })
  })

  it('its compose file names known settings, secrets as files, and this machine’s own address', () => {
    type Service = { environment: Record<string, string>; secrets: string[]; volumes: string[]; ports?: string[]; healthcheck?: object; depends_on?: Record<string, { condition: string }> }
    const compose = parse(readFileSync(join(root, 'compose.yaml'), 'utf8')) as { services: Record<string, Service>; secrets: Record<string, { file: string }>; volumes: Record<string, null> }
    const { bitcorp, database } = compose.services
    expect(unknownSettings(Object.keys(bitcorp?.environment ?? {}))).toEqual([])
    expect(bitcorp?.ports).toEqual(['127.0.0.1:3000:3000'])
    expect(bitcorp?.depends_on).toEqual({ database: { condition: 'service_healthy' } })
    expect(database?.healthcheck).toBeDefined()
    expect(database?.ports).toBeUndefined()
    for (const service of [bitcorp, database]) {
      for (const value of Object.values(service?.environment ?? {})) if (value.startsWith('/run/secrets/')) expect(service?.secrets).toContain(value.slice('/run/secrets/'.length))
      for (const secret of service?.secrets ?? []) expect(isIgnored((compose.secrets[secret]?.file ?? '').replace('./', ''))).toBe(true)
      for (const volume of service?.volumes ?? []) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0])
    }
    expect(execFileSync('git', ['check-ignore', 'secrets/database_url'], { cwd: root, encoding: 'utf8' }).trim()).toBe('secrets/database_url')
  })
})

it('the service’s units name known settings and the program that the package installs', () => {
  const unit = readFileSync(join(root, 'packaging', 'bitcorp.service'), 'utf8')
  const dropIn = readFileSync(join(root, 'packaging', 'own-postgresql.conf'), 'utf8')
  const set = [...`${unit}${dropIn}`.matchAll(/^Environment=(.*)$/gm)].flatMap((line) => [...(line[1] ?? '').matchAll(/(\w+)=/g)].map((match) => match[1] ?? ''))
  expect(set).toContain('DATABASE_URL_FILE')
  expect(unknownSettings(set)).toEqual([])
  const credentials = [...dropIn.matchAll(/^LoadCredential=(\w+):/gm)].map((match) => match[1])
  for (const [, used] of dropIn.matchAll(/=%d\/(\w+)/g)) expect(credentials).toContain(used)
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> }
  expect(/^ExecStart=\/opt\/bitcorp\/node_modules\/\.bin\/(\w+) serve$/m.exec(unit)?.[1]).toBe(Object.keys(bin)[0])
  for (const line of ['User=bitcorp', 'ProtectSystem=strict', 'NoNewPrivileges=yes', 'StateDirectory=bitcorp', 'KillMode=mixed', 'KillSignal=SIGTERM']) expect(unit.split('\n')).toContain(line)
})

/** Settings that no line of config.ts reads, nor Node or the C library. */
function unknownSettings(names: string[]): string[] {
  const source = readFileSync(join(root, 'src', 'base', 'config.ts'), 'utf8')
  const known = (name: string) => new RegExp(`\\b${name}\\b`).test(source) || secretSettings.some((secret) => name === `${secret}_FILE`)
  expect(known('BITCORP_NO_SUCH_SETTING')).toBe(false)
  return names.filter((name) => !['NODE_ENV', 'MALLOC_ARENA_MAX'].includes(name) && !known(name))
}

// The house keeps itself: who may import whom, how long things are, what stands where, and that its papers tell the truth.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { allWords, rooms } from '../src/server.ts'
import { filesUnder, textOf } from './sources.ts'

const sources = filesUnder('src', /\.tsx?$/).filter((path) => !path.endsWith('.test.ts'))
const tests = [...filesUnder('src', /\.test\.ts$/), ...filesUnder('test', /\.ts$/)]
const roomNames = [...new Set(sources.map((path) => /^src\/features\/([^/]+)\//.exec(path)?.[1]).filter((name) => name !== undefined))]

/** Local imports of a file, types and re-exports too, as paths from the program's folder. */
function importsOf(path: string): string[] {
  const found = textOf(path).matchAll(/^\s*(?:import|export)\s[^'"]*?from\s+'(\.[^']+)'|^\s*import\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/gm)
  return [...found].map((match) => join(dirname(path), match[1] ?? match[2] ?? match[3] ?? '').replaceAll('\\', '/'))
}
const graph = new Map(sources.map((path) => [path, importsOf(path)]))
const edges = [...graph].flatMap(([from, targets]) => targets.map((to) => [from, to] as const))

type Place = { kind: 'door' | 'feature' | 'base' | 'web' | 'plain'; room?: string; file: string }
function placeOf(path: string): Place {
  const parts = path.split('/')
  if (parts.length === 2) return { kind: 'door', file: path }
  const kind = parts[1] === 'features' ? 'feature' : (parts[1] as Place['kind'])
  return { kind, ...(kind === 'feature' ? { room: parts[2] ?? '' } : {}), file: parts.slice(kind === 'feature' ? 3 : 2).join('/') }
}
const isPage = (place: Place) => place.kind === 'web' || place.file === 'src/browser.tsx' || (place.kind === 'feature' && /^pages(\.tsx$|\/)/.test(place.file))
/** Both the server and the browser may read these. */
const isShared = (place: Place) => place.kind === 'plain' || (place.kind === 'feature' && /^(contract|words)\.ts$/.test(place.file))

/** Why this import is against the law; undefined when it is not. */
function breach(from: string, to: string): string | undefined {
  const [a, b] = [placeOf(from), placeOf(to)]
  if (!/\.(tsx?|css|json)$/.test(to)) return 'written without its extension'
  if (b.kind === 'door' && !(from === 'src/cli.ts' && to === 'src/server.ts')) return 'nobody imports a door'
  if (a.kind === 'plain' && b.kind !== 'plain') return 'plain imports plain alone'
  if ((a.kind === 'base' || a.kind === 'web') && b.kind === 'feature') return `${a.kind} knows no room`
  if ((a.kind === 'base' && b.kind === 'web') || (a.kind === 'web' && b.kind === 'base')) return 'the server’s ground and the page’s do not meet'
  if (a.kind === 'feature' && b.kind === 'feature' && a.room !== b.room && b.file !== 'contract.ts') return 'rooms meet at contract.ts alone'
  if (isPage(a) && !isPage(b) && !isShared(b)) return 'the page imports pages, contracts, words and plain alone'
  if (!isPage(a) && a.kind !== 'door' && isPage(b)) return 'the server imports no page'
  if (isShared(a) && !isShared(b)) return 'contracts and words lean on contracts, words and plain alone'
  return undefined
}

test('imports point down: doors, rooms, base or web, plain', () => {
  expect(sources.length).toBeGreaterThan(60)
  expect(edges.length).toBeGreaterThan(250)
  expect(edges.map(([from, to]) => [from, to, breach(from, to)]).filter(([, , why]) => why)).toEqual([])
  expect(breach('src/base/http.ts', 'src/features/access/contract.ts')).toBeDefined()
  expect(breach('src/features/access/store.ts', 'src/features/equipment/store.ts')).toBeDefined()
  expect(breach('src/features/access/pages.tsx', 'src/base/db.ts')).toBeDefined()
  expect(breach('src/base/http.ts', 'src/server.ts')).toBeDefined()
})

test('every imported file is there', () => {
  expect(edges.filter(([, to]) => !existsSync(join(programDir, to)))).toEqual([])
})

/** The files of the first circle found, or nothing. */
function circle(of: Map<string, string[]>): string[] {
  const state = new Map<string, 'open' | 'done'>()
  const walk = (path: string, trail: string[]): string[] => {
    if (state.get(path) === 'done') return []
    if (state.get(path) === 'open') return [...trail.slice(trail.indexOf(path)), path]
    state.set(path, 'open')
    for (const next of of.get(path) ?? []) {
      const found = walk(next, [...trail, path])
      if (found.length > 0) return found
    }
    state.set(path, 'done')
    return []
  }
  for (const path of of.keys()) {
    const found = walk(path, [])
    if (found.length > 0) return found
  }
  return []
}

test('no imports go round in a circle, types included', () => {
  expect(circle(graph)).toEqual([])
  expect(
    circle(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
  ).toEqual(['b', 'c', 'b'])
})

test('no file is longer than 400 lines', () => {
  const files = [...sources, ...tests]
  expect(files.length).toBeGreaterThan(80)
  expect(files.map((path) => [path, textOf(path).trimEnd().split('\n').length] as const).filter(([, lines]) => lines > 400)).toEqual([])
})

/** Functions that start and end at the same indentation, as the formatter writes them. */
function longFunctions(path: string, text: string): string[] {
  const lines = text.split('\n')
  const starts =
    /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\b|(?:const|let) \w+ = (?:async )?(?:\([^)]*\)|\w+)(?:: [^=]+)? => [{(]$|(?:private |override |static )*(?:async )?\w+\([^)]*\)(?:: [^{]+)? \{$)/
  return lines.flatMap((line, from) => {
    const indent = starts.exec(line)?.[1]
    if (indent === undefined || /^\s*(if|for|while|switch|catch|return)\b/.test(line)) return []
    const length = lines.slice(from + 1).findIndex((next) => next.startsWith(`${indent}}`) || next.startsWith(`${indent})`)) + 2
    return length > 60 ? [`${path}:${from + 1} ${length} lines`] : []
  })
}

test('no function is longer than 60 lines', () => {
  expect(sources.flatMap((path) => longFunctions(path, textOf(path)))).toEqual([])
  expect(longFunctions('x', `function a() {\n${'  b()\n'.repeat(60)}}\n`)).toEqual(['x:1 62 lines'])
})

test('the environment is read in one file', () => {
  const readers = sources.filter((path) => /process\.env|import\.meta\.env/.test(textOf(path)))
  expect(readers).toEqual(['src/base/config.ts'])
})

const roomFile = (room: string) =>
  new RegExp(`^(contract|words|store|routes|command|jobs)\\.ts$|^logic\\.sql$|^pages\\.tsx$|^pages/[a-z-]+\\.(tsx?|css|test\\.ts)$|^(${room}(\\.[a-z]+)?|policies)\\.test\\.ts$`)
const helpers: Record<string, Record<string, string>> = {
  archive: { 'catalogue.ts': 'which tables go along', 'export.ts': 'the way out', 'import.ts': 'the way in', 'file.ts': 'the file itself' },
  access: { 'sign-in.ts': 'the one way into a session; the door lends it to the rooms of the second factor and of single sign-on' },
  imports: Object.fromEntries(
    ['columns.ts', 'export.ts', 'plan.ts', 'read.ts', 'reading.ts', 'reading-worker.ts', 'rows.ts', 'values.ts', 'work.ts', 'reading.test.ts'].map((file) => [
      file,
      'reading messy spreadsheets: one step of it',
    ]),
  ),
  logs: { 'retain.ts': 'the months of the logs: made, tidied, exported, dropped; the job and the command share it' },
  operations: {
    'serve.ts': 'the start and stop of everything',
    'demo.ts': 'the demo companies',
    'demo-data.ts': 'what the demo companies hold',
    'doctor.ts': 'what `doctor` looks at',
    'exposure.ts': 'what other machines reach, for serve and doctor',
    'doctor-replicas.ts': 'what it says of replicas',
  },
  'second-factor': { 'codes.ts': 'codes made and checked; the door lends the check to signing in' },
  proof: Object.fromEntries(
    ['audit.ts', 'events.ts', 'evidence.ts', 'identities.ts', 'isolation.ts', 'look.ts', 'objects.ts', 'projections.ts', 'rebuild.ts', 'sources.ts', 'audit.test.ts', 'isolation.test.ts'].map(
      (file) => [file, 'one of the things `verify` looks at'],
    ),
  ),
  companies: {
    'tax-id.ts': 'the one way of a tax id to and from the database, for page and command line',
    'keys-command.ts': '`bitcorp keys`, a word of its own',
    'tax-id.test.ts': 'attacks on the encryption',
  },
  maintenance: { 'digest.ts': 'the daily mail, which the clock and the command line both send', 'digest-words.ts': 'sentences of the mail, kept out of the page' },
  history: {
    'evidence.ts': 'the audit as others check it: export, checkpoint, check',
    'feed.test.ts': 'the feed of events under concurrent writers',
    'stream.ts': 'who follows the feed over server-sent events',
  },
  monitoring: { 'metrics.ts': 'what collectors are told, beside the page', 'traffic.ts': 'the requests of the last hour, kept in the process' },
  backups: {
    'base.ts': 'the copy of a running cluster',
    'checks.ts': 'what two servers are compared by',
    'dump.ts': 'the dumps of your own server, by its client programs',
    'pack.ts': 'many files as one, and back',
    'prove.ts': 'the restore into a scratch server that makes a backup count',
    'receive.ts': 'the log of your own server, as it is written',
    'recover.ts': 'a server made from a backup and the log; proof, restore and rehearsal share it',
    'rehearse.ts': 'the next upgrade, tried on a copy',
    'restore.ts': 'a data folder made from a backup',
    'scratch.ts': 'servers for a moment',
    'tell.ts': 'the mail of the alarm',
    'take.ts': 'one backup from beginning to end; the clock, the page and the command line share it',
  },
  webhooks: { 'address.ts': 'where a webhook may reach', 'send.ts': 'one message over HTTP' },
}

test('every room has the same files', () => {
  expect(roomNames.length).toBeGreaterThanOrEqual(8)
  const files = filesUnder('src/features', /./).map((path) => path.slice('src/features/'.length))
  expect(files.length).toBeGreaterThan(60)
  const strangers = files.filter((path) => {
    const [room = '', ...rest] = path.split('/')
    return !roomFile(room).test(rest.join('/')) && !helpers[room]?.[rest.join('/')]
  })
  expect(strangers).toEqual([])
  const known = Object.entries(helpers).flatMap(([room, list]) => Object.keys(list).map((file) => `${room}/${file}`))
  expect(
    known.filter((path) => !files.includes(path)),
    'helpers that are gone',
  ).toEqual([])
})

const notInDoor: Record<string, Record<string, string>> = {
  'src/server.ts': {
    archive: 'all of a company is for the owner, on the command line',
    operations: 'it is the installation’s own, reached by the command line alone',
    proof: 'it looks at all companies, so only the owner runs it, on the command line',
  },
  'src/cli.ts': {
    assignments: 'hand-overs are done in the page or by the API',
    categories: 'the tree is kept in the page or by the API',
    history: 'read in the page, by the API, or in SQL',
    monitoring: 'read in the page, by collectors, or in SQL',
    sessions: 'a person looks at their own in the page or by the API',
    webhooks: 'kept in the page or by the API',
    utilization: 'read in the page, by the API, or in SQL',
    valuation: 'read in the page, by the API, or in SQL',
  },
  'src/browser.tsx': {
    archive: 'all of a company is for the owner, on the command line',
    operations: 'it is the installation’s own, reached by the command line alone',
    proof: 'it looks at all companies, so only the owner runs it, on the command line',
  },
}

test('every room is in every door, or it is written why not', () => {
  for (const [door, reasons] of Object.entries(notInDoor)) {
    const reached = new Set((graph.get(door) ?? []).map((path) => placeOf(path).room).filter(Boolean))
    expect(roomNames.filter((room) => !reached.has(room)).sort(), door).toEqual(Object.keys(reasons).sort())
  }
  const withSql = filesUnder('src/features', /logic\.sql$/).map((path) => path.split('/')[2])
  expect([...rooms].sort()).toEqual(withSql.sort())
})

test('Spanish and English say the same things, and none is empty', () => {
  let sentences = 0
  for (const words of allWords as Record<'es' | 'en', Record<string, Record<string, string>>>[]) {
    expect(Object.keys(words.es)).toEqual(Object.keys(words.en))
    for (const space of Object.keys(words.es)) {
      const [es, en] = [words.es[space] ?? {}, words.en[space] ?? {}]
      // Spanish has a plural more than English.
      const kinds = (one: object) => [...new Set(Object.keys(one).map((key) => key.replace(/_(one|many|other)$/, '')))].sort()
      expect(kinds(es), space).toEqual(kinds(en))
      for (const [key, text] of [...Object.entries(es), ...Object.entries(en)]) expect(text.trim(), `${space}.${key}`).not.toBe('')
      const values = (text: string) => [...text.matchAll(/\{\{(\w+)/g)].map((match) => match[1]).sort()
      for (const key of Object.keys(es)) if (key in en) expect(values(es[key] ?? ''), `${space}.${key}`).toEqual(values(en[key] ?? ''))
      sentences += Object.keys(es).length
    }
  }
  expect(sentences).toBeGreaterThan(300)
})

const papers = ['README.md', 'AGENTS.md', ...filesUnder('docs', /\.md$/), ...filesUnder('db', /\.md$/)]

test('every path and script that the papers name is there', () => {
  const scripts = Object.keys(JSON.parse(readFileSync(join(programDir, 'package.json'), 'utf8')).scripts)
  // Pictures are taken by the journeys.
  const made = /^(data|dist|node_modules|coverage)(\/|$)|\.png$/
  let named = 0
  const missing = papers
    .filter((path) => existsSync(join(programDir, path)))
    .flatMap((paper) => {
      const text = textOf(paper)
      const paths = [...text.matchAll(/(?<![\w/.:@-])((?:src|test|db|docs|bin|bench|demo|spec)\/[\w./<>*-]*[\w>*/]|[\w-]+\.(?:md|json|config\.ts))(?![\w/…])/g)]
        .map((match) => match[1] ?? '')
        .filter((path) => !/[<*]/.test(path) && !made.test(path))
      const runs = [...text.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '')
      named += paths.length + runs.length
      return [...paths.filter((path) => !existsSync(join(programDir, path)) && !existsSync(join(programDir, dirname(paper), path))), ...runs.filter((run) => !scripts.includes(run))].map(
        (what) => `${paper}: ${what}`,
      )
    })
  expect(named).toBeGreaterThan(15)
  expect([...new Set(missing)]).toEqual([])
})

test('every test that the table of the guidelines names is there', () => {
  const rows = textOf('docs/guidelines.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| part'))
  const named = rows.map((row) => [row, [...row.matchAll(/`([\w/.-]+\.test\.ts)` "([^"]+)"/g)]] as const)
  expect(rows.length).toBeGreaterThan(20)
  expect(named.filter(([, tests]) => tests.length === 0).map(([row]) => row)).toEqual([])
  expect(
    named
      .flatMap(([, tests]) => tests)
      .filter(([, path = '', name = '']) => !textOf(path).includes(name))
      .map(([what]) => what),
  ).toEqual([])
})

test('nothing is left for later, and comments stay short', () => {
  const later = new RegExp(['TO', 'DO|FIX', 'ME|X', 'XX\\b'].join(''))
  const all = [...sources, ...tests, ...filesUnder('db', /\.sql$/), ...filesUnder('src', /\.sql$/)]
  expect(all.length).toBeGreaterThan(90)
  expect(all.filter((path) => later.test(textOf(path)))).toEqual([])
  const long = [...sources, ...tests].flatMap((path) => {
    const lines = textOf(path).split('\n')
    return lines.flatMap((_, at) => (at > 0 && [0, 1, 2, 3].every((n) => /^\s*\/\//.test(lines[at + n] ?? '')) ? [`${path}:${at + 1}`] : []))
  })
  expect(long).toEqual([])
})

test('each file begins by saying what it is for', () => {
  expect([...sources, ...tests].filter((path) => !/^(#!.*\n)?(\/\/|\/\*\*) ?\S/.test(textOf(path)))).toEqual([])
})

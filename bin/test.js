// `npm test`: everything that proves the product, from the types to the journeys in a browser; with --check, what is quick of it.
// Last line: N passed, N failed.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(resolve(dirname(fileURLToPath(import.meta.url)), '..'))

const vitest = (name, project) => ({ name, command: ['vitest', 'run', '--project', project], counts: true })
// The steps of a stage go side by side, those of a list in it one after the other: on two processors that is nearly twice as fast, and
// crashes and journeys wait a good part of their time. A step without a count of its own counts as one; a failing one does not hide what the later ones would say.
const check = [
  [
    { name: 'types of the server', command: ['tsc', '-p', 'tsconfig.json'] },
    { name: 'types of the page', command: ['tsc', '-p', 'tsconfig.web.json'] },
    { name: 'lint and format', command: ['biome', 'check', '.'] },
    { name: 'migrations', command: ['squawk', ...readdirSync('db/migrations').map((name) => `db/migrations/${name}`)] },
    { name: 'nothing unused', command: ['knip', '--no-progress'] },
  ],
  [vitest('fast tests', 'fast')],
]
const whole = [
  [{ name: 'build', command: ['node', 'bin/build.js'] }],
  ...check,
  [
    vitest('crashes, races, isolation, fuzz and start', 'slow'),
    [vitest('journeys in a browser', 'journeys'), vitest('what is large or takes long', 'long')],
    { name: 'known faults of libraries', command: ['node', 'bin/audit.js'] },
  ],
]

/** What it says is shown at once, or (`later`) when it is over. */
function run([program, ...args], later) {
  const path = `${resolve('node_modules', '.bin')}:${process.env.PATH}`
  const child = spawn(program === 'node' ? process.execPath : program, args, { env: { ...process.env, PATH: path, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output = (output + text).slice(-200_000)
      if (!later) process.stdout.write(text)
    })
  }
  return new Promise((done) => {
    child.once('error', (error) => done({ code: 1, output: String(error) }))
    child.once('close', (code) => done({ code: code ?? 1, output }))
  })
}

let passed = 0
let failed = 0
const failures = []
async function prove({ name, command, counts }, later = false) {
  const began = Date.now()
  process.stdout.write(`\n=== ${name}\n`)
  const { code, output } = await run(command, later)
  if (later) process.stdout.write(`\n=== what was said of ${name}:\n${output}`)
  const count = counts ? [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].pop() : undefined
  passed += count ? Number(count[1]) : code === 0 ? 1 : 0
  failed += count ? Math.max(Number(count[2]), code === 0 ? 0 : 1) : code === 0 ? 0 : 1
  if (code !== 0) failures.push(`${name}:`, ...new Set(output.match(/^ *(?:FAIL|\S*error TS\d+).*$|^.*AssertionError.*$/gm) ?? []))
  process.stdout.write(`=== ${name}: ${code === 0 ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - began) / 1000)} s\n`)
}
for (const stage of process.argv.includes('--check') ? check : whole) {
  await Promise.all(
    stage.map(async (steps, at) => {
      for (const step of [steps].flat()) await prove(step, at > 0)
    }),
  )
}
if (failed > 0) process.stdout.write(`\nWhat failed:\n${failures.join('\n')}\n`)
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)

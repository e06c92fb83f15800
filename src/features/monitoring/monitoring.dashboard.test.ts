// The dashboard and the alert rules name only what a running server tells, and each alert says what is wrong and what to do.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createWorld } from '../../../test/harness.ts'
import { programDir } from '../../base/config.ts'

const world = await createWorld({ owner: true })
const read = (name: string) => readFileSync(join(programDir, 'docs', 'monitoring', name), 'utf8')

/** What a server tells after a request and a job. `up` is the collector's own. */
async function exposed(): Promise<Map<string, string[]>> {
  await world.as('andina', 'admin').get('/equipment')
  await world.app.ground.jobs.run('audit_chain')
  const { payload } = await world.app.inject({ url: '/metrics' })
  const found = new Map<string, string[]>([['up', ['job']]])
  for (const [, name = '', labels = ''] of payload.matchAll(/^([a-z_]\w*)(\{.*\})? \S+$/gm))
    found.set(name, [...(found.get(name) ?? []), ...[...labels.matchAll(/(\w+)="/g)].map((match) => match[1] ?? '')])
  return found
}

const words = new Set('sum rate increase time histogram_quantile topk by without ignoring on and or le'.split(' '))
/** The metrics of an expression, each with the labels it is asked by. */
function namedIn(expr: string): [string, string[]][] {
  const flat = expr
    .replace(/\b(by|without|ignoring) \([\w, ]+\)/g, '')
    .replace(/ignoring\(\w+\)/g, '')
    .replace(/\[\w+\]/g, '')
  return [...flat.matchAll(/\b([a-z][a-z0-9_]*)\b(?:\{([^}]*)\})?/g)]
    .filter(([, name = '']) => !words.has(name))
    .map(([, name = '', labels = '']) => [name, [...labels.matchAll(/(\w+)=~?"/g)].map((match) => match[1] ?? '')])
}

const panels = (JSON.parse(read('grafana-dashboard.json')) as { panels: { title: string; targets: { expr: string }[] }[] }).panels
const alerts = read('alerts.yaml')
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({
    name: text.split('\n')[0] ?? '',
    expr: /^ {8}expr: (.+)$/m.exec(text)?.[1] ?? '',
    severity: /^ {8}labels: \{ severity: (page|ticket) \}$/m.exec(text)?.[1],
    summary: /^ {10}summary: "(.+)"$/m.exec(text)?.[1] ?? '',
    description: /^ {10}description: "(.+)"$/m.exec(text)?.[1] ?? '',
  }))

test('every metric and label that the dashboard and the alerts name is told by the running server', async () => {
  const told = await exposed()
  const exprs = [...panels.flatMap((panel) => panel.targets.map((target) => target.expr)), ...alerts.map((alert) => alert.expr)]
  expect(exprs.length).toBeGreaterThan(35)
  const named = exprs.flatMap((expr) => namedIn(expr).map(([metric, labels]) => [expr, metric, labels] as const))
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter(([, metric]) => !told.has(metric)).map(([expr, metric]) => `${metric} in ${expr}`)).toEqual([])
  expect(named.flatMap(([expr, metric, labels]) => labels.filter((label) => !told.get(metric)?.includes(label)).map((label) => `${label} in ${expr}`))).toEqual([])
  expect(namedIn('sum(rate(no_such_metric{who="x"}[5m])) > 2')).toEqual([['no_such_metric', ['who']]])
})

test('nothing that the server tells of the product is left out of the dashboard', async () => {
  const shown = new Set(panels.flatMap((panel) => panel.targets.flatMap((target) => namedIn(target.expr).map(([metric]) => metric))))
  const ours = [...(await exposed()).keys()].filter((name) => /^(database|job|webhook|equipment|audit|session|sign)/.test(name))
  const elsewhere = ['job_interval_seconds', 'job_failing']
  expect(ours.length).toBeGreaterThan(20)
  expect(ours.filter((name) => !shown.has(name) && !elsewhere.includes(name))).toEqual([])
})

test('each alert has a name of its own, a severity, what is wrong and what to do', () => {
  expect(alerts.length).toBeGreaterThanOrEqual(12)
  expect(new Set(alerts.map((alert) => alert.name)).size).toBe(alerts.length)
  for (const alert of alerts) {
    expect(alert.name).toMatch(/^Bitcorp[A-Za-z]+$/)
    expect(alert.severity, alert.name).toBeDefined()
    expect(alert.summary.length, alert.name).toBeGreaterThan(20)
    expect(alert.description.length, alert.name).toBeGreaterThan(40)
  }
})

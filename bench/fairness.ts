// The part `fairness`: how long a machine of one company takes to be read, alone and while another company reports over all it has.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bed, judged, median, type Part, query, ratio, rounded, settle } from './bed.ts'
import { bench, companyId, userId } from './data.ts'
import { type Figures, measureLoad, type Request } from './load.ts'
import { signIn } from './servers.ts'

const most = 2
const heavyConnections = 8
const [heavy, other] = [1, 3]

export const fairness: Part = { measure: measureFairness, rounds: 3, seconds: 10, connections: 16 }

async function measureFairness(bed: Bed): Promise<object> {
  const { product, rounds, seconds, connections, say } = bed
  const headers = await signInAs(bed, (other - 1) * 100 + 1)
  const machines = await query<{ id: string }>(product.superuser, 'SELECT id FROM equipment WHERE company_id = $1 AND NOT is_deleted ORDER BY id LIMIT 20000', [companyId(other)])
  const next = (): Request => ({ method: 'GET', path: `/api/v1/companies/${companyId(other)}/equipment/${machines[Math.floor(Math.random() * machines.length)]?.id}` })
  const light = () => measureLoad({ address: product.address, headers, connections, seconds, next, expected: [200] })
  const series = { quiet: [] as Figures[], busy: [] as Figures[], reports: [] as Figures[] }
  await light()
  for (let round = 0; round < rounds; round++) {
    series.quiet.push(await light())
    // Begins before and ends after what is measured beside it.
    const beside = measureLoad({ address: product.address, headers: bed.headers, connections: heavyConnections, seconds: seconds + 2, next: reportsInTurn(bed.only), expected: [200] })
    await sleep(1000)
    series.busy.push(await light())
    series.reports.push(await beside)
    await settle(bed)
  }
  const p95 = (all: Figures[]) => all.map((one) => one.p95)
  const found = {
    heavy_connections: heavyConnections,
    quiet_p95: rounded(median(p95(series.quiet))),
    busy_p95: rounded(median(p95(series.busy))),
    ratio: ratio(p95(series.busy), p95(series.quiet)),
    reports_per_second: rounded(median(series.reports.map((one) => one.rps))),
    wrong: [...series.quiet, ...series.busy].reduce((sum, one) => sum + one.wrong, 0),
    reports_refused: series.reports.reduce((sum, one) => sum + one.wrong, 0),
  }
  say(
    `another company’s get, ${connections} connections: p95 ${found.quiet_p95.toFixed(1)} ms alone | ${found.busy_p95.toFixed(1)} beside ${heavyConnections} connections of reports (${found.reports_per_second.toFixed(1)}/s, ${found.reports_refused} refused) | ratio ${judged(found.ratio, most)}${found.wrong ? ` WRONG ${found.wrong}` : ''}`,
  )
  return found
}

const base = `/api/v1/companies/${companyId(heavy)}`
/** What a company can ask that reads all it has. */
const reports: Record<string, string> = {
  months: `${base}/utilization`,
  machines: `${base}/utilization/machines?limit=200&sort=-utilization`,
  categories: `${base}/utilization/categories`,
  use: `${base}/utilization/export?format=csv&from=2026-09&to=2026-10`,
  past: `${base}/equipment?as_of=2025-06-01T00:00:00Z&limit=200`,
  named: `${base}/equipment?as_of=2025-01-01T00:00:00Z&limit=200&sort=name`,
  export: `${base}/equipment/export?format=csv`,
}

/** `only`: the names of some of them, to find out which one keeps others waiting. */
function reportsInTurn(only: string[] | undefined): () => Request {
  const names = Object.keys(reports).filter((name) => !only || only.includes(name))
  if (names.length === 0) throw new Error(`--only takes some of ${Object.keys(reports).join(',')}`)
  let turn = 0
  return () => ({ method: 'GET', path: reports[names[turn++ % names.length] ?? ''] ?? '' })
}

/** The people of the data set have no password: this one gets that of who measures. */
async function signInAs({ product }: Bed, person: number): Promise<Record<string, string>> {
  const [found] = await query<{ email: string }>(product.superuser, 'SELECT u.email, put_password(u.email, m.password_hash) FROM users u, users m WHERE u.id = $1 AND m.email = $2', [
    userId(person),
    bench.email,
  ])
  return signIn(product.address, found?.email ?? '')
}

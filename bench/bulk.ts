// The part `bulk`: many rows in and out. An import against COPY of the same rows with the same triggers; exports of all a company has.
import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { rowLimit } from '../src/features/imports/read.ts'
import { type Bed, median, type Part, query, ratio, rounded, settle } from './bed.ts'
import { forgetCompanies, makeCompany } from './company.ts'
import { companyId } from './data.ts'
import { memory } from './load.ts'

const leastOfCopy = 0.5
const mostMemory = 200

export const bulk: Part = { measure: measureBulk, rounds: 1, seconds: 0, connections: 1 }

async function measureBulk(bed: Bed): Promise<object> {
  const { product, machines, rounds, say } = bed
  // Before anything was imported, which leaves the server larger.
  const exports = [await measureExport(bed, 'csv'), await measureExport(bed, 'xlsx')]
  const rows = machines > 10_000 ? 100_000 : 10_000
  const series = { imported: [] as number[], copied: [] as number[] }
  await forgetCompanies(bed)
  const peak = watchMemory(product.pid)
  try {
    for (let round = 0; round < rounds; round++) {
      const [into, copy] = [await makeCompany(bed), await makeCompany(bed)]
      await settle(bed)
      series.imported.push(rows / (await importRows(bed, into, rows)))
      await settle(bed)
      series.copied.push(rows / (await copyRows(bed, into, copy)))
      await forgetCompanies(bed)
    }
  } finally {
    await forgetCompanies(bed)
  }
  const found = { rows, import_per_second: rounded(median(series.imported)), copy_per_second: rounded(median(series.copied)), ratio: ratio(series.imported, series.copied), peak_mib: peak() }
  const isEnough = found.ratio >= leastOfCopy ? 'within' : 'BELOW'
  say(
    `import    ${rows} rows: ${found.import_per_second.toFixed(0)}/s | COPY ${found.copy_per_second.toFixed(0)}/s | ratio ${found.ratio} (${isEnough} ${leastOfCopy}), at most ${found.peak_mib} MiB of memory`,
  )
  return { import: found, exports }
}

/** The whole register of the largest company. */
async function measureExport({ product, headers, say }: Bed, format: 'csv' | 'xlsx') {
  const company = companyId(1)
  const [all] = await query<{ count: number }>(product.superuser, 'SELECT count(*)::int AS count FROM equipment WHERE company_id = $1 AND NOT is_deleted', [company])
  const rows = all?.count ?? 0
  const peak = watchMemory(product.pid)
  const began = performance.now()
  const reply = await fetch(`${product.address}/api/v1/companies/${company}/equipment/export?format=${format}`, { headers })
  let [bytes, lines] = [0, 0]
  if (!reply.ok || !reply.body) throw new Error(`export: ${reply.status} ${await reply.text()}`)
  for await (const piece of reply.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += piece.length
    if (format === 'csv') for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines++
  }
  const seconds = (performance.now() - began) / 1000
  if (format === 'csv' && lines !== rows + 1) throw new Error(`the export has ${lines - 1} of ${rows} machines`)
  const found = { format, rows, bytes, rows_per_second: rounded(rows / seconds), peak_mib: peak() }
  const isSmall = found.peak_mib < mostMemory ? 'within' : 'ABOVE'
  say(`export    ${format}, ${rows} rows, ${rounded(bytes / 2 ** 20, 1)} MiB: ${found.rows_per_second.toFixed(0)}/s, at most ${found.peak_mib} MiB of memory (${isSmall} ${mostMemory})`)
  return found
}

/** Ends with the most that was seen, in MiB. */
function watchMemory(pid: number): () => number {
  let most = memory(pid)
  const timer = setInterval(() => {
    most = Math.max(most, memory(pid))
  }, 100)
  return () => {
    clearInterval(timer)
    return Math.round(Math.max(most, memory(pid)))
  }
}

const header = 'Código de flota;Nombre;Descripción;Marca;Modelo;Serie;Año;Placa;Propiedad;Ubicación;Categoría'
const line = (n: number) => `B-${n};Volquete ${n};Registrado con la flota ${n % 977};Volvo;FMX ${n % 300};SN-${n};${2000 + (n % 26)};PL-${n};alquilado;Obra ${n % 400};Volquetes`

/** Seconds; a file holds no more rows than the product takes at once. */
async function importRows({ product, headers }: Bed, company: string, rows: number): Promise<number> {
  let seconds = 0
  for (let from = 0; from < rows; from += rowLimit) {
    const file = [header, ...Array.from({ length: Math.min(rowLimit, rows - from) }, (_, at) => line(from + at))].join('\n')
    const began = performance.now()
    const reply = await fetch(`${product.address}/api/v1/companies/${company}/equipment/import?file_name=bulk.csv`, { method: 'POST', headers: { ...headers, 'content-type': 'text/csv' }, body: file })
    const text = await reply.text()
    seconds += (performance.now() - began) / 1000
    const { created_count: created } = JSON.parse(text) as { created_count?: number }
    if (!reply.ok || created !== file.split('\n').length - 1) throw new Error(`import: ${reply.status} ${text.slice(0, 500)}`)
  }
  return seconds
}

const columns =
  'name, description, fleet_code, manufacturer, model, manufacturer_serial_number, year, plate, ownership, purchase_date, purchase_price, depreciation_rate, currency, status, location, next_maintenance_date, warranty_expires_at, specifications, tags'

/** Seconds for the rows that were imported, into another company, by the superuser who is known to the triggers as who measures. */
async function copyRows({ product, headers }: Bed, from: string, into: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-bulk-'))
  // The database may run as another user than the bench.
  chmodSync(folder, 0o777)
  const file = join(folder, 'rows.csv')
  const secret = /bitcorp_session=([^;]+)/.exec(headers.cookie ?? '')?.[1] ?? ''
  const client = new pg.Client({ connectionString: product.superuser, options: '-c timezone=UTC -c statement_timeout=0' })
  await client.connect()
  try {
    await client.query(
      `COPY (SELECT '${into}', (SELECT k.id FROM equipment_categories k WHERE k.company_id = '${into}'), ${columns} FROM equipment WHERE company_id = '${from}' ORDER BY id) TO '${file}' (FORMAT csv)`,
    )
    const began = performance.now()
    await client.query('BEGIN')
    await client.query('SELECT begin_request($1, $2, $3, $4)', [createHash('sha256').update(secret).digest('hex'), into, '{"source": "copy"}', ['admin']])
    await client.query(`COPY equipment (company_id, category_id, ${columns}) FROM '${file}' (FORMAT csv)`)
    await client.query('COMMIT')
    const seconds = (performance.now() - began) / 1000
    const { rows } = await client.query<{ count: number; events: number }>(
      'SELECT (SELECT count(*)::int FROM equipment WHERE company_id = $1) AS count, (SELECT count(*)::int FROM domain_events WHERE company_id = $1) - (SELECT count(*)::int FROM domain_events WHERE company_id = $2) AS events',
      [into, from],
    )
    // The import itself is an event of its own for each file.
    if (!rows[0]?.count || rows[0].events > 0 || rows[0].events < -10) throw new Error(`COPY did not write the same as the import: ${JSON.stringify(rows[0])}`)
    return seconds
  } finally {
    await client.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

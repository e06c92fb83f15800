// The limit: the same work as prepared statements straight on PostgreSQL, by pgbench, over the plain tables.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { companyId } from './data.ts'
import { reads } from './plain.ts'

const company = `'${companyId(1)}'`
const machine = 'plain.largest(:k)'
const record = (kind: string, table: string) => `, event AS (INSERT INTO plain.domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data, subject_id)
    SELECT company_id, id, '${kind}', '${kind}_changed', version, jsonb_build_object('new', to_jsonb(${table})), id FROM ${table})
  , audit AS (INSERT INTO plain.audit_logs (company_id, entity_type, entity_id, action, new_values) SELECT company_id, '${kind}', id, 'changed', to_jsonb(${table}) FROM ${table})`
const oneLine = (text: string) => text.replaceAll('\n', ' ')
const pick = (machines: number) => `\\set k random(0, ${machines / 5 - 1})\n`

/** The scripts by name, for so many machines in all. */
export const scripts: Record<string, (machines: number) => string> = {
  get: (machines) => `${pick(machines)}${oneLine(reads.get(company, machine))};`,
  list: () => `${oneLine(reads.list(company, "'active'"))};`,
  search: () => `${oneLine(reads.search(company, "'komatsu excavator'"))};`,
  timeline: (machines) => `${pick(machines)}${oneLine(reads.timeline(company, machine))};`,
  create: () =>
    `WITH e AS (INSERT INTO plain.equipment (company_id, name, manufacturer, model, location, serial_number) VALUES ('${companyId(3)}', 'Hoist', 'Bench', 'B1', 'Obra 1', 'EQ-2026-FL-' || nextval('plain.serial')) RETURNING *)
    , period AS (INSERT INTO plain.equipment_status_history (company_id, equipment_id, status, effective_from, recorded_at) SELECT company_id, id, status, created_at, created_at FROM e)${record('equipment', 'e')}
    INSERT INTO plain.equipment_search SELECT company_id, id, to_tsvector('simple', concat_ws(' ', name, manufacturer, model, location)) FROM e;`.replaceAll('\n', ' '),
  status: (machines) =>
    pick(machines) +
    `WITH e AS (UPDATE plain.equipment SET status = CASE status WHEN 'active' THEN 'maintenance' ELSE 'active' END, version = version + 1, updated_at = clock_timestamp() WHERE company_id = ${company} AND id = ${machine} RETURNING *)
    , past AS (UPDATE plain.equipment_status_history h SET effective_to = e.updated_at FROM e WHERE h.company_id = e.company_id AND h.equipment_id = e.id AND h.effective_to IS NULL)${record('equipment', 'e')}
    INSERT INTO plain.equipment_status_history (company_id, equipment_id, status, effective_from, recorded_at) SELECT company_id, id, status, updated_at, updated_at FROM e;`.replaceAll('\n', ' '),
  // A pair: taken back, handed over.
  handover: (machines) =>
    pick(machines) +
    [
      `WITH a AS (UPDATE plain.equipment_assignments SET returned_at = clock_timestamp(), version = version + 1 WHERE company_id = ${company} AND equipment_id = ${machine} AND returned_at IS NULL RETURNING *)${record('assignment', 'a')} SELECT * FROM a;`,
      `WITH a AS (INSERT INTO plain.equipment_assignments (company_id, equipment_id, user_id, assigned_at) VALUES (${company}, ${machine}, '01200000-0000-7000-8000-000000000003', clock_timestamp()) ON CONFLICT DO NOTHING RETURNING *)${record('assignment', 'a')} SELECT * FROM a;`,
    ]
      .map((text) => text.replaceAll('\n', ' '))
      .join('\n'),
}

function findPgbench(): string {
  const found = ['18', '17', '16', '15'].map((major) => `/usr/lib/postgresql/${major}/bin/pgbench`).find(existsSync)
  if (!found) throw new Error('pgbench is not on this machine (Debian: apt install postgresql-15); the limit cannot be measured without it.')
  return found
}

/** Transactions per second. */
export async function measureLimit(url: string, operation: string, machines: number, connections: number, seconds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-limit-'))
  const script = join(folder, 'script.sql')
  writeFileSync(script, `${scripts[operation]?.(machines) ?? ''}\n`)
  try {
    const child = spawn(findPgbench(), ['-n', '-M', 'prepared', '-c', String(connections), '-j', '2', '-T', String(seconds), '-f', script, url], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
    await new Promise((done) => child.once('close', done))
    const tps = /tps = ([\d.]+)/.exec(said)?.[1]
    if (!tps || /number of failed transactions: [1-9]/.test(said)) throw new Error(`pgbench: ${said.slice(-500)}`)
    return Number(tps)
  } finally {
    if (readdirSync(folder).length) rmSync(folder, { recursive: true, force: true })
  }
}

// The audit against its hash chain: an edited, deleted, inserted or moved row is named; a chain made anew is found by an older checkpoint.
import { asOwner } from '../../base/owner.ts'
import { type AuditCheckpoint as Checkpoint, checkpointKind, type AuditHead as Head } from '../history/contract.ts'
import { type Fault, type Look, look, type Say } from './look.ts'

export type { Checkpoint }
export type AuditReport = { rows: number; companies: number; faults: Fault[] }

const page = 20_000

/** Chains what is finished, so that what is looked at next is whole. */
async function chain(ownerUrl: string): Promise<void> {
  await asOwner(ownerUrl, async (owner) => {
    while ((await owner.query<{ n: number }>('SELECT chain_audit_logs(10000) AS n'))[0]?.n);
  })
}

export async function takeCheckpoint(ownerUrl: string): Promise<Checkpoint> {
  await chain(ownerUrl)
  return { kind: checkpointKind, made_at: new Date().toISOString(), companies: await look(ownerUrl, (query) => readHeads(query)) }
}

/** The content of a checkpoint's file; undefined when it is something else. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  try {
    const value = JSON.parse(text) as Checkpoint
    const whole = value.kind === checkpointKind && value.companies.every((h) => /^[0-9a-f-]{36}$/.test(h.company_id) && Number.isInteger(h.position) && /^[0-9a-f]{64}$/.test(h.hash))
    return whole ? value : undefined
  } catch {
    return undefined
  }
}

export async function verifyAudit(ownerUrl: string, say: Say, how: { companyId?: string; checkpoint?: Checkpoint } = {}): Promise<AuditReport> {
  await chain(ownerUrl)
  return look(ownerUrl, async (query) => {
    const heads = (await readHeads(query)).filter((h) => !how.companyId || h.company_id === how.companyId)
    const report: AuditReport = { rows: 0, companies: heads.length, faults: [] }
    for (const head of heads) {
      for (let from = 1; from <= head.position; from += page) report.faults.push(...(await verifyLinks(query, head, from)))
      report.rows += head.position
      say(`${head.name}: ${head.position} audit rows`)
    }
    report.faults.push(...(await findUnchained(query, how.companyId)))
    for (const old of how.checkpoint?.companies ?? []) if (!how.companyId || old.company_id === how.companyId) report.faults.push(...(await compareHead(query, old)))
    return report
  })
}

const readHeads = (query: Look): Promise<Head[]> =>
  query<Head>(`
  SELECT co.id AS company_id, co.name, c.position, c.hash, to_char(c.chained_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS chained_at,
    (SELECT count(*) FROM audit_chain k WHERE k.company_id = co.id) AS rows
  FROM companies co CROSS JOIN LATERAL (SELECT * FROM audit_chain c WHERE c.company_id = co.id ORDER BY c.position DESC LIMIT 1) c ORDER BY co.id`)

const reasons: Record<string, string> = {
  link_missing: 'Links of the chain before this one are missing.',
  row_missing: 'The audit row was deleted.',
  row_or_place_changed: 'The audit row, its link or its place in the chain was changed.',
  row_backdated: 'The audit row claims to be much older than the one before it.',
}

/** Each link against the stored one before it, so that one bad row is one fault and not all that follow. */
async function verifyLinks(query: Look, head: Head, from: number): Promise<Fault[]> {
  const rows = await query<{ position: number; audit_id: string; rule: string; found: string; expected: string | null }>(
    `SELECT f.position, f.audit_id, f.rule, f.found, f.expected FROM list_audit_faults($1, $2, ${page}) f`,
    [head.company_id, from],
  )
  return rows.map((r) => ({
    rule: r.rule,
    where: `${reasons[r.rule]} ${head.name}, place ${r.position}, audit row ${r.audit_id}`,
    company_id: head.company_id,
    position: r.position,
    audit_id: r.audit_id,
    found: r.found,
    expected: r.expected ?? 'the row',
  }))
}

/** Rows that the chain passed by, at once; rows that it should have reached, after a minute. */
async function findUnchained(query: Look, companyId: string | undefined): Promise<Fault[]> {
  const rows = await query<{ company_id: string; id: string; created_at: string; passed: boolean }>(
    `
    SELECT l.company_id, l.id, l.created_at, l.transaction_id < p.chained_to AS passed FROM audit_logs l, audit_chain_progress p
    WHERE ($1::uuid IS NULL OR l.company_id = $1) AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id)
      AND (l.transaction_id < p.chained_to OR l.created_at < clock_timestamp() - interval '1 minute')
    ORDER BY l.company_id, l.id LIMIT 100`,
    [companyId ?? null],
  )
  return rows.map((r) => ({
    rule: r.passed ? 'row_inserted_behind_chain' : 'row_not_chained',
    where: `audit row ${r.id} of ${r.created_at}`,
    company_id: r.company_id,
    audit_id: r.id,
    found: 'not in the chain',
    expected: 'a link',
  }))
}

async function compareHead(query: Look, old: Head): Promise<Fault[]> {
  const [now] = await query<{ hash: string | null; rows: number }>(
    'SELECT max(c.hash) FILTER (WHERE c.position = $2) AS hash, count(*) AS rows FROM audit_chain c WHERE c.company_id = $1 AND c.position <= $2',
    [old.company_id, old.position],
  )
  if (now?.hash === old.hash && (old.rows === undefined || old.rows === now.rows)) return []
  return [
    {
      rule: 'chain_made_anew',
      where: `${old.name}, place ${old.position}: the chain is another one than at the checkpoint of ${old.chained_at}.`,
      company_id: old.company_id,
      position: old.position,
      found: now?.hash ?? 'no such place',
      expected: old.hash,
    },
  ]
}

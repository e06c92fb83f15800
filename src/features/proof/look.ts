// Looking at every record at one instant: as record_keeper, in one snapshot, changing nothing.
import pg from 'pg'

export type Look = <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>
/** One thing that is not as it must be. `where` names it for a person, the rest for programs. */
export type Fault = { rule: string; where: string; company_id: string | null; found: unknown; expected: unknown } & Record<string, unknown>
export type Say = (line: string) => void

const types = { getTypeParser: (oid: number) => (oid === 20 ? Number : [1082, 1114, 1184].includes(oid) ? (text: string) => text : pg.types.getTypeParser(oid)) } as pg.CustomTypesConfig

/** `temporary`: temporary tables may be made, for building beside the live ones. Either way nothing stays. */
export async function look<T>(ownerUrl: string, work: (query: Look) => Promise<T>, how: { temporary?: boolean } = {}): Promise<T> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'bitcorp_erp verify', types, options: '-c timezone=UTC -c datestyle=ISO -c statement_timeout=0 -c work_mem=64MB' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('SET ROLE record_keeper')
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ ${how.temporary ? '' : 'READ ONLY'}`)
    return await work(async (text, values = []) => (await client.query(text, values)).rows)
  } finally {
    await client.query('ROLLBACK').catch(() => {})
    await client.end().catch(() => {})
  }
}

export const name = (identifier: string): string => pg.escapeIdentifier(identifier)
export const literal = (text: string): string => pg.escapeLiteral(text)

export type Attempt = { rows: Record<string, unknown>[]; count: number; error?: { code: string; table?: string; constraint?: string } }

/** Runs a statement and takes back what it did. */
export async function attempt(query: Look, text: string): Promise<Attempt> {
  await query('SAVEPOINT attempt')
  try {
    const writes = /^(INSERT|UPDATE|DELETE)/.test(text)
    // The number of rows reached, without asking for the right to read them.
    const rows = writes ? await query(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON) ${text}`) : await query(text)
    return { rows, count: writes ? reached(rows[0]?.['QUERY PLAN']) : rows.length }
  } catch (error) {
    const { code = '', table, constraint } = error as { code?: string; table?: string; constraint?: string }
    if (/^(08|57P)/.test(code) || !code) throw error
    return { rows: [], count: 0, error: { code, ...(table ? { table } : {}), ...(constraint ? { constraint } : {}) } }
  } finally {
    await query('ROLLBACK TO SAVEPOINT attempt')
  }
}

/** How many rows went into the change, by the plan's own count. */
function reached(plan: unknown): number {
  const top = (plan as { Plan: { Plans?: { 'Parent Relationship': string; 'Actual Rows': number; 'Actual Loops': number }[] } }[])[0]?.Plan
  return (top?.Plans ?? []).filter((p) => !/Plan$/.test(p['Parent Relationship'])).reduce((sum, p) => sum + p['Actual Rows'] * p['Actual Loops'], 0)
}

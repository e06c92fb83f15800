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

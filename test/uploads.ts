// Files sent to the import of a test world, and what the replies say in short.
import { expect } from 'vitest'
import { andinaTree, type Branch } from '../src/features/operations/demo-data.ts'
import { type Body, type CompanyName, sessionHeaders, type Who, type World } from './harness.ts'

export type Upload = { query?: Record<string, string>; who?: Who; type?: string; language?: string; company?: 'andina' | 'sur' }

const xlsxType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

export function uploads(world: World) {
  async function upload(file: string | Buffer, { query = {}, who = 'manager', type, language = 'en', company = 'andina' }: Upload = {}): Promise<{ status: number; body: Body }> {
    const { id, people } = world.companies[company]
    const isXlsx = Buffer.isBuffer(file) && file.subarray(0, 2).toString() === 'PK'
    const reply = await world.app.inject({
      method: 'POST',
      url: `/api/v1/companies/${id}/equipment/import?${new URLSearchParams({ file_name: isXlsx ? 'lista.xlsx' : 'lista.csv', ...query })}`,
      headers: { ...sessionHeaders(people[who].secret), 'content-type': type ?? (isXlsx ? xlsxType : 'text/csv'), 'accept-language': language },
      payload: file,
    })
    return { status: reply.statusCode, body: reply.json() }
  }

  const look = async (file: string | Buffer, more: Upload = {}): Promise<Body> => {
    const { status, body } = await upload(file, { ...more, query: { dry_run: 'true', ...more.query } })
    expect(status, JSON.stringify(body).slice(0, 500)).toBe(200)
    return body
  }
  const apply = async (file: string | Buffer, more: Upload = {}): Promise<Body> => {
    const { status, body } = await upload(file, more)
    expect(status, JSON.stringify(body).slice(0, 1500)).toBe(200)
    return body
  }

  async function exported(query: Record<string, string>, company: 'andina' | 'sur' = 'andina', language = 'es'): Promise<Buffer> {
    const { id, people } = world.companies[company]
    const reply = await world.app.inject({
      method: 'GET',
      url: `/api/v1/companies/${id}/equipment/export?${new URLSearchParams(query)}`,
      headers: { ...sessionHeaders(people.viewer.secret), 'accept-language': language },
    })
    expect(reply.statusCode, reply.payload.slice(0, 300)).toBe(200)
    return reply.rawPayload
  }
  return { upload, look, apply, exported }
}

export const latin1 = (text: string) => Buffer.from(text, 'latin1')
/** What the first row of a look would write, by field. */
export const news = (body: Body, row = 0): Record<string, string> => Object.fromEntries(body.rows[row].changes.map((change: Body) => [change.field, change.new]))
export const fieldsOf = (body: Body): Record<string, string> => Object.fromEntries(body.columns.map((column: Body) => [column.header, column.field]))
export const codes = (body: Body) => body.rows.flatMap((row: Body) => row.errors.map((error: Body) => `${row.row} ${error.field} ${error.code}`))
export const asked = (body: Body) => body.questions.map((question: Body) => question.code)
export const counts = (body: Body) => [body.created_count, body.updated_count, body.unchanged_count, body.error_count]

/** Grows the demo's category tree in a company; what is there already stays. */
export async function growDemoTree(world: World, company: CompanyName): Promise<void> {
  const client = world.as(company, 'manager')
  const grow = async (branches: readonly Branch[], parent_id: string | null): Promise<void> => {
    for (const { name, code, fields, below } of branches) {
      const found = (await client.get('/equipment-categories')).body.items.find((category: Body) => category.name === name && category.parent_id === parent_id)
      const reply = found ? { body: found } : await client.post('/equipment-categories', { name, parent_id, type_code: code ?? null, specification_template: fields ?? [] })
      await grow(below ?? [], reply.body.id)
    }
  }
  await grow(andinaTree, null)
}

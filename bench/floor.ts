// The floor: a bare Fastify + pg program over plain tables. No sign-in, no row security, no checks, no events by trigger: what a
// team would write first. Started by the bench with PORT and DATABASE_URL; answers the same addresses as the product.
import Fastify from 'fastify'
import pg from 'pg'
import { reads } from './plain.ts'

const { PORT, DATABASE_URL } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 16 })
const app = Fastify()
type Params = { company: string; machine: string }
const base = '/api/v1/companies/:company/equipment'
const first = async (name: string, text: string, values: unknown[]) => (await pool.query({ name, text, values })).rows[0]
const inTransaction = async <T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const done = await work(client)
    await client.query('COMMIT')
    return done
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

app.get<{ Params: Params }>(`${base}/:machine`, ({ params }) => first('get', reads.get('$1', '$2'), [params.company, params.machine]))

app.get<{ Params: Params; Querystring: { status?: string; q?: string } }>(base, async ({ params, query }) => {
  const { rows } = await pool.query(
    query.q ? { name: 'search', text: reads.search('$1', '$2'), values: [params.company, query.q] } : { name: 'list', text: reads.list('$1', '$2'), values: [params.company, query.status] },
  )
  return { items: rows, next_cursor: rows.at(-1)?.id ?? null }
})

app.get<{ Params: Params }>(`${base}/:machine/timeline`, async ({ params }) => {
  const { rows } = await pool.query({ name: 'timeline', text: reads.timeline('$1', '$2'), values: [params.company, params.machine] })
  return { items: rows, next_cursor: null }
})

app.post<{ Params: Params; Body: { name: string; manufacturer: string; model: string; location: string } }>(base, ({ params, body }, reply) => {
  reply.status(201)
  return inTransaction(async (client) => {
    const values = [params.company, body.name, body.manufacturer, body.model, body.location]
    const { rows } = await client.query({
      name: 'create',
      text: `INSERT INTO plain.equipment (company_id, name, manufacturer, model, location, serial_number) VALUES ($1, $2, $3, $4, $5, 'EQ-2026-FL-' || nextval('plain.serial')) RETURNING *`,
      values,
    })
    const machine = rows[0]
    const { created_at: at } = machine
    await client.query({
      name: 'period',
      text: 'INSERT INTO plain.equipment_status_history (company_id, equipment_id, status, effective_from, recorded_at) VALUES ($1, $2, $3, $4, $4)',
      values: [params.company, machine.id, machine.status, at],
    })
    await client.query({
      name: 'event',
      text: "INSERT INTO plain.domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data, subject_id) VALUES ($1, $2, 'equipment', 'equipment_created', 1, $3, $2)",
      values: [params.company, machine.id, { new: machine }],
    })
    await client.query({
      name: 'audit',
      text: "INSERT INTO plain.audit_logs (company_id, entity_type, entity_id, action, new_values) VALUES ($1, 'equipment', $2, 'created', $3)",
      values: [params.company, machine.id, machine],
    })
    await client.query({ name: 'words', text: "INSERT INTO plain.equipment_search VALUES ($1, $2, to_tsvector('simple', $3))", values: [params.company, machine.id, Object.values(body).join(' ')] })
    return machine
  })
})

await app.listen({ host: '127.0.0.1', port: Number(PORT) })

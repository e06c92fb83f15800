// A large audit: its export is held by who reads slowly, and its check goes in steps.
import { createHash } from 'node:crypto'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { type Body, createWorld } from '../../../test/harness.ts'

const world = await createWorld()
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const sur = world.as('sur', 'admin')

async function check(): Promise<{ faults: Body[]; steps: number }> {
  const faults: Body[] = []
  for (let after: string | null = null, steps = 1; ; steps++) {
    const reply: Body = await sur.post('/audit-logs/check', after ? { after } : {})
    expect([reply.status, reply.text]).toEqual([200, reply.text])
    faults.push(...reply.body.faults)
    after = reply.body.next
    if (!after) return { faults, steps }
  }
}

test('of a large audit an export goes out while it is read, page by page; a check goes in steps', async () => {
  await world.sqlAdmin((q) =>
    q(
      "INSERT INTO audit_logs (company_id, entity_type, action, new_values) SELECT $1, 'equipment', 'changed', jsonb_build_object('n', n, 'text', repeat(md5(n::text), 60)) FROM generate_series(1, 10500) n",
      [world.companies.sur.id],
    ),
  )
  let pages = 0
  const as = world.db.as.bind(world.db)
  world.db.as = (identity, shared) => {
    const runner = as(identity, shared)
    return {
      ...runner,
      run: (query) => {
        if (/hashed_text/.test(JSON.stringify(query.toOperationNode()))) pages++
        return runner.run(query)
      },
    }
  }
  await world.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = world.app.server.address() as AddressInfo
  const text = await new Promise<string>((done, fail) => {
    get({ host: '127.0.0.1', port, path: `${sur.base}/audit-logs/export?format=ndjson`, headers: sur.auth }, async (response) => {
      // Who does not read holds the export up: it waits, instead of gathering in memory.
      for (let seen = -1; seen !== pages; await new Promise((later) => setTimeout(later, 500))) seen = pages
      expect(pages).toBeGreaterThan(0)
      expect(pages).toBeLessThan(15)
      const pieces: Buffer[] = []
      response.on('data', (piece) => pieces.push(piece))
      response.on('end', () => done(Buffer.concat(pieces).toString('utf8')))
    }).on('error', fail)
  })
  world.db.as = as
  expect(pages).toBeGreaterThanOrEqual(22)
  const rows: Body[] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(new Set(rows.map((row) => row.new_values?.n).filter((n) => n !== undefined)).size).toBe(10_500)
  expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length)
  for (const row of rows) if (row.hash !== sha256(`${row.previous_hash} ${row.hashed_text}`)) throw new Error(`row ${row.position} does not prove itself`)
  expect(await check()).toMatchObject({ faults: [], steps: 3 })
  const [row] = await world.sqlAdmin((q) => q('SELECT audit_id FROM audit_chain WHERE company_id = $1 AND position = 10200', [world.companies.sur.id]))
  await world.sqlAdmin(async (q) => {
    await q("SET LOCAL session_replication_role = 'replica'")
    await q("UPDATE audit_logs SET action = 'created' WHERE id = $1", [row.audit_id])
  })
  expect((await check()).faults).toMatchObject([{ rule: 'row_or_place_changed', position: 10_200 }])
})

// The audit's chain: writers never wait for it, and whoever changes the past is found, the owner and a superuser included.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Body, connected, createWorld, type Query, refusalOf, transaction } from '../../../test/harness.ts'
import { programDir } from '../../base/config.ts'
import { hashSecret } from '../../base/db.ts'
import { readCheckpoint, takeCheckpoint, verifyAudit } from './audit.ts'

const world = await createWorld({ poolSize: 8 })
const companyId = world.companies.andina.id
const verify = (how = {}) => verifyAudit(world.ownerUrl, () => {}, how)
const chain = (query: Query) => query('SELECT chain_audit_logs(10000) AS n').then((rows) => rows[0].n as number)
const chained = () =>
  world.sqlAdmin((q) =>
    q('SELECT c.position, c.audit_id, l.entity_id FROM audit_chain c JOIN audit_logs l ON l.company_id = c.company_id AND l.id = c.audit_id WHERE c.company_id = $1 ORDER BY c.position', [companyId]),
  )
const rename = (q: Query, id: string, name: string) => q('UPDATE equipment SET name = $2 WHERE id = $1', [id, name])

/** An open transaction of the manager; `end` commits it. */
async function open(work: (query: Query) => Promise<unknown>): Promise<{ end: () => Promise<void> }> {
  let end: () => void = () => {}
  const asked = new Promise<void>((done) => (end = done))
  let ready: () => void = () => {}
  const begun = new Promise<void>((done) => (ready = done))
  const whole = transaction(world.appUrl, true, async (query) => {
    await query("SET LOCAL lock_timeout = '500ms'")
    await query('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(world.person('andina', 'manager').secret), companyId, '{}'])
    await work(query)
    ready()
    await asked
  })
  await Promise.race([begun, whole])
  return {
    end: () => {
      end()
      return whole
    },
  }
}

test('two open transactions of one company do not wait for each other, nor for the chain; the chain takes each when it is finished', async () => {
  const [a, b]: Body[] = [await world.machine(), await world.machine()]
  await connected(world.ownerUrl, async (owner) => {
    await owner("SET lock_timeout = '500ms'")
    while (await chain(owner));
    const before = (await chained()).length
    const older = await open((q) => rename(q, a.id, 'mayor'))
    const younger = await open((q) => rename(q, b.id, 'menor'))
    await younger.end()
    expect(await chain(owner), 'what is finished, though an older one is open').toBe(1)
    const third = await open((q) => rename(q, b.id, 'tercera'))
    await older.end()
    expect(await chain(owner), 'the older, now, beside the third').toBe(1)
    await third.end()
    expect(await chain(owner)).toBe(1)
    expect((await chained()).slice(before).map((l: Body) => l.entity_id)).toEqual([b.id, a.id, b.id])
  })
  expect((await verify()).faults).toEqual([])
})

test('eight writers and two chainers at once: every row is chained once, without a hole', async () => {
  const machines: Body[] = []
  for (let i = 0; i < 8; i++) machines.push(await world.machine())
  let writing = true
  const chainers = [0, 1].map(() =>
    connected(world.ownerUrl, async (q) => {
      let n = 0
      while (writing) n += await chain(q)
      return n
    }),
  )
  await Promise.all(
    machines.map((machine, w) =>
      connected(world.appUrl, async (q) => {
        for (let i = 0; i < 25; i++) {
          await q('BEGIN')
          await q('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(world.person('andina', 'manager').secret), companyId, '{}'])
          await rename(q, machine.id, `m${w} ${i}`)
          await q(i % 10 === 9 ? 'ROLLBACK' : 'COMMIT')
        }
      }),
    ),
  )
  writing = false
  const during = await Promise.all(chainers)
  expect(during.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0)
  const report = await verify()
  expect(report.faults).toEqual([])
  const [counts] = await world.sqlAdmin((q) =>
    q(
      'SELECT (SELECT count(*) FROM audit_logs) AS rows, (SELECT count(*) FROM audit_chain) AS links, (SELECT count(*) FROM audit_chain c WHERE c.company_id = $1) AS own, (SELECT max(position) FROM audit_chain c WHERE c.company_id = $1) AS last',
      [companyId],
    ),
  )
  expect(counts.links).toBe(counts.rows)
  expect(counts.last).toBe(counts.own)
  expect(report.rows).toBe(counts.rows)
})

/** Until the chain has left all rows behind: before, a row without a link is simply chained again. A transaction of any test's database may hold it up. */
async function settled(): Promise<void> {
  for (let i = 0; i < 300; i++) {
    await world.sqlAdmin(chain)
    const [row] = await world.sqlAdmin((q) => q('SELECT chained_to > (SELECT max(transaction_id) FROM audit_logs) AS left_behind FROM audit_chain_progress'))
    if (row.left_behind) return
    await sleep(50)
  }
  throw new Error('the chain stands still')
}

/** Changes the past as only a superuser with its triggers off can, verifies, and puts it back. */
async function tampered(how: (query: Query) => Promise<unknown>, undo: (query: Query) => Promise<unknown>, options = {}) {
  const off = (work: (query: Query) => Promise<unknown>) =>
    world.sqlAdmin(async (query) => {
      await query("SET LOCAL session_replication_role = 'replica'")
      await work(query)
    })
  expect((await verify()).faults).toEqual([])
  await settled()
  await off(how)
  try {
    return (await verify(options)).faults
  } finally {
    await off(undo)
    expect((await verify()).faults).toEqual([])
  }
}

async function tenth() {
  const machine = await world.machine()
  for (let i = 0; i < 10; i++) await world.as('andina', 'manager').patch(`/equipment/${machine.id}`, { name: `x${i}` }, { version: i + 1 })
  await verify()
  const link = (await chained()).filter((l: Body) => l.entity_id === machine.id)[5]
  const [row] = await world.sqlAdmin((q) => q('SELECT to_jsonb(l) AS row FROM audit_logs l WHERE id = $1', [link.audit_id]))
  return { link, row: row.row, put: (q: Query) => q('INSERT INTO audit_logs SELECT * FROM jsonb_populate_record(NULL::audit_logs, $1)', [JSON.stringify(row.row)]) }
}

test('an edited row is found and named, whatever was edited', async () => {
  const { link, row, put } = await tenth()
  const edits = [
    'user_id = NULL',
    'new_values = new_values || \'{"name": "y"}\'',
    "created_at = created_at + interval '1 second'",
    "action = 'deleted'",
    "metadata = '{}'",
    'entity_id = company_id',
    "transaction_id = '7'",
  ]
  for (const set of edits) {
    const faults = await tampered(
      (q) => q(`UPDATE audit_logs SET ${set} WHERE id = $1`, [row.id]),
      async (q) => {
        await q('DELETE FROM audit_logs WHERE id = $1', [row.id])
        await put(q)
      },
    )
    expect([set, faults]).toMatchObject([set, [{ rule: 'row_or_place_changed', company_id: companyId, position: link.position, audit_id: row.id }]])
    expect(faults).toHaveLength(1)
  }
})

test('a deleted row is found, and so is a deleted link', async () => {
  const { link, row, put } = await tenth()
  expect(await tampered((q) => q('DELETE FROM audit_logs WHERE id = $1', [row.id]), put)).toMatchObject([{ rule: 'row_missing', position: link.position, audit_id: row.id }])
  const [stored] = await world.sqlAdmin((q) => q('SELECT to_jsonb(c) AS row FROM audit_chain c WHERE audit_id = $1', [row.id]))
  const back = (q: Query) => q('INSERT INTO audit_chain SELECT * FROM jsonb_populate_record(NULL::audit_chain, $1)', [JSON.stringify(stored.row)])
  const faults = await tampered((q) => q('DELETE FROM audit_chain WHERE audit_id = $1', [row.id]), back)
  expect(faults).toMatchObject([
    { rule: 'link_missing', position: link.position + 1 },
    { rule: 'row_inserted_behind_chain', audit_id: row.id },
  ])
  const both = await tampered(
    (q) => q('DELETE FROM audit_chain WHERE audit_id = $1', [row.id]).then(() => q('DELETE FROM audit_logs WHERE id = $1', [row.id])),
    (q) => put(q).then(() => back(q)),
  )
  expect(both).toMatchObject([{ rule: 'link_missing', position: link.position + 1 }])
})

test('rows moved or slipped in are found', async () => {
  const { link, row } = await tenth()
  const swap = (q: Query) =>
    q(
      `UPDATE audit_chain c SET audit_id = o.audit_id FROM audit_chain o WHERE c.company_id = $1 AND o.company_id = $1
    AND (c.position, o.position) IN (($2::bigint, $2::bigint + 1), ($2::bigint + 1, $2::bigint))`,
      [companyId, link.position],
    )
  // The unique index refuses the exchange in one statement, so it goes by way of no index.
  const without = async (q: Query) => {
    await q('ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_once')
    await swap(q)
    await q('ALTER TABLE audit_chain ADD CONSTRAINT audit_chain_once UNIQUE (company_id, audit_id)')
  }
  const moved = await tampered(without, without)
  expect(moved).toMatchObject([
    { rule: 'row_or_place_changed', position: link.position },
    { rule: 'row_or_place_changed', position: link.position + 1 },
  ])
  const ghost = '01900000-0000-7000-8000-00000000abcd'
  const slip = (q: Query) => q('INSERT INTO audit_logs SELECT * FROM jsonb_populate_record(NULL::audit_logs, $1)', [JSON.stringify({ ...row, id: ghost, transaction_id: '3' })])
  expect(await tampered(slip, (q) => q('DELETE FROM audit_logs WHERE id = $1', [ghost]))).toMatchObject([{ rule: 'row_inserted_behind_chain', audit_id: ghost, company_id: companyId }])
})

test('a row that claims an earlier day is found even when it is chained', async () => {
  const ghost = '01900000-0000-7000-8000-00000000abce'
  await verify()
  await world.sqlAdmin((q) =>
    q("INSERT INTO audit_logs (company_id, id, entity_type, action, created_at) VALUES ($1, $2, 'equipment', 'deleted', now() - interval '3 days')", [world.companies.sur.id, ghost]),
  )
  expect((await verify()).faults).toMatchObject([{ rule: 'row_backdated', audit_id: ghost }])
  await world.sqlAdmin(async (q) => {
    await q("SET LOCAL session_replication_role = 'replica'")
    await q('DELETE FROM audit_chain WHERE audit_id = $1', [ghost])
    await q('DELETE FROM audit_logs WHERE id = $1', [ghost])
  })
})

test('a chain made anew from some row on looks whole, but not to an older checkpoint; nor does a cut-off end', async () => {
  const { link, row, put } = await tenth()
  const checkpoint = readCheckpoint(JSON.stringify(await takeCheckpoint(world.ownerUrl)))
  expect(checkpoint?.companies.map((c) => c.company_id)).toContain(companyId)
  expect((await verify({ checkpoint })).faults).toEqual([])
  const anew = async (q: Query) => {
    const links = await q('SELECT position FROM audit_chain WHERE company_id = $1 AND position >= $2 ORDER BY position', [companyId, link.position])
    for (const { position } of links)
      await q(
        `UPDATE audit_chain c SET hash = hash_audit_row(p.hash, c.position, c.chained_at, l) FROM audit_chain p, audit_logs l
        WHERE c.company_id = $1 AND c.position = $2 AND p.company_id = $1 AND p.position = $2 - 1 AND l.company_id = $1 AND l.id = c.audit_id`,
        [companyId, position],
      )
  }
  const edit = async (q: Query) => {
    await q('UPDATE audit_logs SET new_values = new_values || \'{"name": "y"}\' WHERE id = $1', [row.id])
    await anew(q)
  }
  const restore = async (q: Query) => {
    await q('DELETE FROM audit_logs WHERE id = $1', [row.id])
    await put(q)
    await anew(q)
  }
  expect(await tampered(edit, restore), 'without the checkpoint').toEqual([])
  expect(await tampered(edit, restore, { checkpoint })).toMatchObject([{ rule: 'chain_made_anew', company_id: companyId }])
  const beyond = { ...checkpoint, companies: checkpoint?.companies.map((c) => ({ ...c, position: c.position + 1000 })) }
  expect((await verify({ checkpoint: beyond })).faults[0]).toMatchObject({ rule: 'chain_made_anew', found: 'no such place' })
  expect(readCheckpoint('{"companies": []}')).toBeUndefined()
})

test('a database loaded into another server goes on chaining, though transactions count anew there', async () => {
  await verify()
  const far = (to: string) =>
    world.sqlAdmin(async (q) => {
      await q("SET LOCAL session_replication_role = 'replica'")
      await q('UPDATE audit_chain_progress SET chained_to = $1', [to])
    })
  await far('9000000000')
  const id = '01900000-0000-7000-8000-00000000abcf'
  await world.sqlAdmin((q) => q("INSERT INTO audit_logs (company_id, id, entity_type, action, transaction_id) VALUES ($1, $2, 'equipment', 'exported', '9000000001')", [companyId, id]))
  await world.machine()
  expect((await verify()).faults).toEqual([])
  const [row] = await world.sqlAdmin((q) => q('SELECT count(*) AS n FROM audit_logs l WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = l.id)'))
  expect(row.n).toBe(0)
})

test('events, audit and chain are append-only: by grant for who serves, by trigger for owner and superuser', async () => {
  await world.machine()
  await verify()
  for (const table of ['domain_events', 'audit_logs', 'audit_chain']) {
    for (const statement of [`UPDATE ${table} SET company_id = company_id`, `DELETE FROM ${table}`, `TRUNCATE ${table} CASCADE`]) {
      expect([statement, await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(statement)))]).toEqual([statement, '42501'])
      expect([statement, await refusalOf(() => world.sqlAdmin((q) => q(statement)))]).toEqual([statement, 'records_append_only'])
    }
    const insert = `INSERT INTO ${table} (company_id) VALUES ('${companyId}')`
    expect([insert, await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(insert)))]).toEqual([insert, '42501'])
  }
})

test('a server that listens chains by itself within seconds', async () => {
  await world.app.listen({ host: '127.0.0.1', port: 0 })
  const { id } = await world.machine()
  const links = async () => (await chained()).filter((l: Body) => l.entity_id === id).length
  for (let i = 0; i < 100 && (await links()) === 0; i++) await sleep(100)
  expect(await links()).toBe(1)
})

/** The command line on this test's database. */
function bitcorp(...words: string[]): Promise<{ code: number | null; out: string }> {
  const env = { ...process.env, DATABASE_URL: world.ownerUrl, DATABASE_APP_URL: world.appUrl }
  return new Promise((done) => {
    execFile(process.execPath, ['--import', 'tsx', join(programDir, 'src/cli.ts'), ...words], { env, cwd: programDir }, (error, stdout) => done({ code: error ? Number(error.code) : 0, out: stdout }))
  })
}

test('on the command line: exit code 0 and OK, a checkpoint, then exit code 1 and the first fault', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-checkpoint-'))
  const file = join(folder, 'audit.json')
  try {
    const { row, put } = await tenth()
    expect(await bitcorp('verify', 'events')).toMatchObject({ code: 0, out: expect.stringMatching(/^OK: \d+ rows equal what \d+ events tell\.\n$/) })
    expect(await bitcorp('audit', 'checkpoint', '--out', file)).toMatchObject({ code: 0 })
    expect(await bitcorp('verify', 'audit', '--checkpoint', file)).toMatchObject({ code: 0, out: expect.stringMatching(/^OK: \d+ audit rows of 2 companies/) })
    await world.sqlAdmin(async (q) => {
      await q("SET LOCAL session_replication_role = 'replica'")
      await q('UPDATE audit_logs SET user_id = NULL WHERE id = $1', [row.id])
    })
    const found = await bitcorp('verify', 'audit', '--company', 'Constructora Andina', '--json')
    expect([found.code, JSON.parse(found.out)]).toMatchObject([1, { ok: false, faults: [{ rule: 'row_or_place_changed', audit_id: row.id }] }])
    await world.sqlAdmin(async (q) => {
      await q("SET LOCAL session_replication_role = 'replica'")
      await q('DELETE FROM audit_logs WHERE id = $1', [row.id])
      await put(q)
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

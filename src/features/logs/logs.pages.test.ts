// A page of a machine's log costs a page: with a hundred times the entries it opens no more months and reads no more blocks.
import { expect, test } from 'vitest'
import { type Body, connected, createWorld, type Query } from '../../../test/harness.ts'
import { hashSecret } from '../../base/db.ts'

const world = await createWorld()
const andina = world.companies.andina.id
const viewer = world.as('andina', 'viewer')
const machines = await Promise.all(Array.from({ length: 20 }, (_, n) => world.machine({ name: `M${n}` })))
const [busy, silent, quiet] = machines.map((machine) => machine.id) as [string, string, string]

/** `each` entries a machine in each of the 24 months, spread over them; none of `silent`, and of `quiet` in the oldest month alone. */
const fill = async (each: number) => {
  await world.sqlAdmin(async (q) => {
    await q('SET LOCAL session_replication_role = replica')
    await q(
      `INSERT INTO equipment_logs (company_id, equipment_id, event_type, event_data, created_at, entry_key)
       SELECT $1, m.id, 'telemetry', jsonb_build_object('rpm', n), b.begins + (n + 0.5) * (least(b.ends, now()) - b.begins) / $2, $2 || '-' || b.months || '-' || n
       FROM generate_series(0, 23) AS months, LATERAL (SELECT months, (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => months)) AT TIME ZONE 'UTC' AS begins,
         (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => months - 1)) AT TIME ZONE 'UTC' AS ends) b,
         unnest($3::uuid[]) AS m (id), generate_series(0, $2::int - 1) n WHERE m.id <> $4 AND (m.id <> $5 OR b.months = 23)`,
      [andina, each, machines.map((machine) => machine.id), silent, quiet],
    )
  })
  await connected(world.superuserUrl, (q) => q('VACUUM ANALYZE equipment_logs'))
}

/** What one page costs a connection that has asked for it before: blocks read, and months whose table or index was opened. */
const cost = (machine: string, after: Body | null, kind: string | null = null) =>
  connected(world.appUrl, async (q: Query) => {
    await q('BEGIN')
    await q('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(world.person('andina', 'viewer').secret), andina, '{}'])
    const text = (value: string | null, type: string) => (value === null ? `NULL::${type}` : `'${value}'::${type}`)
    const page = `SELECT * FROM list_equipment_logs('${machine}', ${text(kind, 'text')}, NULL, NULL, ${text(after?.created_at ?? null, 'timestamptz')}, ${text(after?.id ?? null, 'uuid')}, 51)`
    await q(page)
    const opened = () => q("SELECT sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0))::int AS n FROM pg_stat_xact_user_tables WHERE relname LIKE 'equipment_logs%'")
    const measured: { rows: number; blocks: number; months: number }[] = []
    for (let n = 0; n < 3; n++) {
      const [before] = await opened()
      const [plan] = await q(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${page}`)
      const [after_] = await opened()
      const top = plan['QUERY PLAN'][0].Plan
      measured.push({ rows: Math.round(top['Actual Rows']), blocks: top['Shared Hit Blocks'] + top['Shared Read Blocks'], months: after_.n - before.n })
    }
    await q('ROLLBACK')
    // Autovacuum may make a connection read the catalogue anew: the least is the page's own.
    return measured.reduce((least, one) => (one.blocks < least.blocks ? one : least))
  })

test('with few entries and with a hundred times as many, a page opens about as much', async () => {
  await world.sqlAdmin(async (q) => {
    await q('SET LOCAL ROLE bitcorp_owner')
    for (let months = 1; months < 24; months++) await q("SELECT create_equipment_log_partition((date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => $1))::date)", [months])
  })
  await fill(1)
  const few = { first: await cost(busy, null), none: await cost(silent, null), old: await cost(quiet, null) }
  await fill(100)
  const page = (await viewer.get(`/equipment/${busy}/logs?limit=200`)).body.items
  const many = { first: await cost(busy, null), next: await cost(busy, page.at(-1)), kind: await cost(busy, null, 'telemetry'), none: await cost(silent, null), old: await cost(quiet, null) }
  expect([few.first.rows, many.first.rows, many.next.rows, many.kind.rows, many.old.rows]).toEqual([25, 51, 51, 51, 51])
  // This month, those to come and the default partition: the past is not opened for a full page.
  for (const one of [many.first, many.kind]) expect(one.months, JSON.stringify(many)).toBeLessThanOrEqual(6)
  expect(many.next.months).toBeLessThanOrEqual(6)
  expect(many.first.blocks).toBeLessThanOrEqual(few.first.blocks * 1.5)
  expect(many.next.blocks).toBeLessThanOrEqual(few.first.blocks * 1.5)
  // Who has said little is looked for in each month once, however much the others say.
  expect([many.none.months, many.old.months]).toEqual([few.none.months, few.old.months])
  expect(many.none.blocks).toBeLessThanOrEqual(few.none.blocks * 2)
})

test('page after page, by kind and between any two instants, is the whole log in order', async () => {
  const all = async (query: string) => {
    const found: Body[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body }: Body = await viewer.get(`/equipment/${busy}/logs?limit=200${query}${cursor && `&cursor=${cursor}`}`)
      found.push(...body.items.map((entry: Body) => `${entry.created_at} ${entry.id}`))
      cursor = body.next_cursor
    }
    return found
  }
  const stored = async (condition: string) =>
    (
      await world.sqlAdmin((q) =>
        q(`SELECT to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS at, id FROM equipment_logs WHERE equipment_id = $1 AND ${condition} ORDER BY created_at DESC, id DESC`, [busy]),
      )
    ).map((row) => row.id)
  const ids = (found: string[]) => found.map((one) => one.split(' ')[1])
  const [a, b] = [new Date(Date.now() - 200 * 86_400_000).toISOString(), new Date(Date.now() - 40 * 86_400_000).toISOString()]
  const middle = (await viewer.get(`/equipment/${busy}/logs?created_at.lt=${b}&limit=1`)).body.items[0].created_at
  for (const [query, condition] of [
    ['', 'true'],
    ['&event_type=status', "event_type = 'status'"],
    ['&event_type=status,telemetry', 'true'],
    [`&created_at.gte=${a}&created_at.lt=${b}`, `created_at >= '${a}' AND created_at < '${b}'`],
    [`&created_at.gt=${middle}`, `created_at > '${middle}'`],
    [`&created_at.lte=${middle}&event_type=telemetry`, `created_at <= '${middle}' AND event_type = 'telemetry'`],
    [`&created_at=${middle}`, `created_at = '${middle}'`],
    [`&created_at.ne=${middle}&created_at.gte=${a}`, `created_at <> '${middle}' AND created_at >= '${a}'`],
    [`&created_at.gte=${b}&created_at.lt=${a}`, 'false'],
  ] as const) {
    const found = ids(await all(query))
    expect(found.length > 0 || condition === 'false', query).toBe(true)
    expect(found, query).toEqual(await stored(condition))
  }
})

// The sample of 300 machines, in the shape contractors keep them: it goes into the demo's categories without an error.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { createWorld } from './harness.ts'
import { asked, codes, counts, growDemoTree, uploads } from './uploads.ts'

const world = await createWorld()
const { look, apply } = uploads(world)

test.each(['equipment-300.csv', 'equipment-300.xlsx'])('%s goes into the demo’s categories without an error, and a second time changes nothing', async (name) => {
  const file = readFileSync(join(programDir, 'demo', name))
  const more = { company: name.endsWith('.csv') ? ('andina' as const) : ('sur' as const) }
  const client = world.as(more.company, 'manager')
  await growDemoTree(world, more.company)
  const body = await look(file, more)
  expect([codes(body), counts(body), body.header_row, asked(body)]).toEqual([
    [],
    [300, 0, 0, 0],
    5,
    name.endsWith('.csv') ? ['import_name_from_description', 'import_rows_skipped'] : ['import_name_from_description'],
  ])
  expect(counts(await apply(file, more))).toEqual([300, 0, 0, 0])
  expect(counts(await look(file, more))).toEqual([0, 0, 300, 0])
  const machine = (await client.get('/equipment?fleet_code=EX-003')).body.items[0]
  expect(machine).toMatchObject({
    name: 'Excavadora hidráulica sobre orugas',
    category_name: 'Excavadoras',
    purchase_date: '2017-11-05',
    purchase_price: { amount: '165525.10', currency: 'USD' },
    last_maintenance_date: '2026-11-06',
  })
  expect(machine.specifications).toEqual({ horometro_h: 12591.3, potencia_hp: 158, combustible: 'Diésel' })
})

// A large spreadsheet: ten thousand rows in one go, out again, and back without a change.
import { expect, test } from 'vitest'
import { createWorld } from '../../../test/harness.ts'
import { counts, uploads } from '../../../test/uploads.ts'

const world = await createWorld()
const { upload, look, apply, exported } = uploads(world)
const manager = world.as('andina', 'manager')

test('10,000 rows go in at once, with progress on the way', async () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `T-${index};Volquete ${index};Volvo;FMX 480;SN${index};2018;${(index % 28) + 1}/03/2018;${(index % 900) + 1}.500,00;Vehículos;${index}`)
  expect((await manager.post('/equipment-categories', { name: 'Vehículos' })).status).toBe(201)
  const progressId = crypto.randomUUID()
  const seen: string[] = []
  const running = apply(`Código;Nombre;Marca;Modelo;Serie;Año;Fecha de compra;Precio;Categoría;Horómetro\n${lines.join('\n')}\n`, { query: { progress_id: progressId }, company: 'andina' })
  let isDone = false
  let second = ''
  running.finally(() => (isDone = true)).catch(() => {})
  while (!isDone) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const progress = await manager.get(`/import-progress/${progressId}`)
    if (second === '' && progress.body?.phase === 'writing') second = (await upload('Código;Nombre;Propiedad\nZ-1;A;alquilado\n')).body.code
    if (progress.status === 200) seen.push(`${progress.body.phase} ${progress.body.done}/${progress.body.total}`)
  }
  const body = await running
  expect([counts(body), body.rows.length]).toEqual([[10_000, 0, 0, 0], 500])
  expect(second, 'another import of the company meanwhile').toBe('import_running')
  expect(seen.filter((step) => /^writing [1-9]\d*\/10000$/.test(step)).length).toBeGreaterThan(1)
  expect((await world.as('sur', 'manager').get(`/import-progress/${progressId}`)).status).toBe(404)
  const again = await look(`Código;Nombre;Marca;Modelo;Serie;Año;Fecha de compra;Precio;Categoría;Horómetro\n${lines.join('\n')}\n`)
  expect(counts(again)).toEqual([0, 0, 10_000, 0])
}, 300_000)

test('all of it comes back unchanged, as CSV and XLSX', async () => {
  for (const format of ['csv', 'xlsx']) {
    const body = await look(await exported({ format }))
    expect([body.unchanged_count, body.row_count - body.unchanged_count]).toEqual([(await manager.get('/equipment?count=true&limit=1')).body.total, 0])
  }
}, 120_000)

// Imports and exports through the HTTP door: rows held against machines, all rows or none, and the way back.
import { beforeAll, describe, expect, test } from 'vitest'
import { type Body, createWorld } from '../../../test/harness.ts'
import { codes, counts, latin1, news, uploads } from '../../../test/uploads.ts'
import { readSheets } from './read.ts'

const world = await createWorld()
const { upload, look, apply, exported } = uploads(world)
const manager = world.as('andina', 'manager')

beforeAll(async () => {
  const add = async (name: string, parent_id: string | null = null): Promise<string> => {
    const reply = await manager.post('/equipment-categories', { name, parent_id })
    expect(reply.status, reply.text).toBe(201)
    return reply.body.id
  }
  const heavy = await add('Maquinaria pesada')
  await add('Excavadoras', heavy)
  await add('Otros', heavy)
  await add('Otros', await add('Vehículos'))
})

describe('rows are held against the specification fields of their category', () => {
  const head = 'Código de flota;Nombre;Propiedad;Categoría;Potencia;Tracción;Cabina;Revisada;Libre'
  beforeAll(async () => {
    const specification_template = [
      { key: 'potencia_kw', label: 'Potencia', type: 'number', unit: 'kW', required: true },
      { key: 'traccion', label: 'Tracción', type: 'choice', choices: ['Orugas', 'Neumáticos'] },
      { key: 'cabina', label: 'Cabina', type: 'boolean' },
      { key: 'revisada', label: 'Revisada', type: 'date' },
    ]
    expect((await manager.post('/equipment-categories', { name: 'Con campos', specification_template })).status).toBe(201)
  })

  test('cells become what the field asks for; the same file again changes nothing', async () => {
    const file = `${head}\nP-1;A;alquilado;Con campos;110,5 kW;orugas;Sí;31/12/2024;007\nP-2;B;alquilado;Con campos;98;NEUMATICOS;no;2024-02-29;x\n`
    expect(counts(await apply(file))).toEqual([2, 0, 0, 0])
    const stored = (await manager.get('/equipment?fleet_code=P-1,P-2&sort=fleet_code')).body.items.map((machine: Body) => machine.specifications)
    expect(stored).toEqual([
      { potencia_kw: 110.5, traccion: 'Orugas', cabina: true, revisada: '2024-12-31', libre: '007' },
      { potencia_kw: 98, traccion: 'Neumáticos', cabina: false, revisada: '2024-02-29', libre: 'x' },
    ])
    expect(counts(await look(file))).toEqual([0, 0, 2, 0])
  })

  test('what does not fit is an error of its row, at its field, with the reason; other rows and categories are not touched by it', async () => {
    const body = await look(
      `${head}\nP-3;A;alquilado;Con campos;;alas;quizás;31/02/2024;\nP-4;B;alquilado;Otros > Otros;mucha;alas;;;\nP-5;C;alquilado;Con campos;12;;;;\nP-6;D;alquilado;;mucha;;;;\n`,
    )
    expect(codes(body).filter((code: string) => code.startsWith('2 '))).toEqual([
      '2 specifications.potencia_kw specification_required',
      '2 specifications.traccion specification_choice',
      '2 specifications.cabina specification_boolean',
      '2 specifications.revisada specification_date',
    ])
    expect(body.rows[0].errors[1].detail).toContain('Orugas, Neumáticos')
    expect(body.rows.filter((row: Body) => row.row > 3).map((row: Body) => row.outcome)).toEqual(['create', 'create'])
    const reply = await upload(`${head}\nP-7;A;alquilado;Con campos;;;;;\n`)
    expect([reply.status, reply.body.errors.map((error: Body) => `${error.field} ${error.code}`)]).toEqual([422, ['rows.2.specifications.potencia_kw specification_required']])
  })
})

describe('rows are held against the machines there are', () => {
  test('by own code, else fleet code, else maker’s serial; an empty cell leaves what is there', async () => {
    const a = await world.machine({ name: 'A', fleet_code: 'M-1', location: 'Base' })
    const b = await world.machine({ name: 'B', fleet_code: 'M-2' })
    const c = await world.machine({ name: 'C', manufacturer_serial_number: 'SN-33' })
    const body = await look(`Código;Código de flota;Serie;Nombre;Ubicación\n${a.serial_number};;;A nueva;\n;m-2;;;Obra 2\n;;SN-33;C;Obra 3\n;;SN-34;D;\n`)
    expect(body.rows.map((row: Body) => [row.row, row.outcome, row.equipment_id, row.changes.map((change: Body) => `${change.field}: ${change.old} → ${change.new}`)])).toEqual([
      [5, 'error', null, expect.anything()],
      [2, 'update', a.id, ['name: A → A nueva']],
      [3, 'update', b.id, ['fleet_code: M-2 → m-2', 'location: null → Obra 2']],
      [4, 'update', c.id, ['location: null → Obra 3']],
    ])
    expect(codes(body)).toEqual(['5 purchase_date equipment_owned_needs_purchase'])
  })

  test('duplicate codes in the file are errors of both rows, each naming the other', async () => {
    const body = await look('Código;Nombre;Propiedad\nD-1;A;alquilado\nd-1;B;alquilado\nD-2;C;alquilado\n')
    expect([codes(body), body.rows[0].errors[0].detail]).toEqual([['2 fleet_code import_duplicate', '3 fleet_code import_duplicate'], 'The same machine stands in row 3 too. Keep one of them.'])
  })

  test('unknown and ambiguous categories, words and amounts are row errors that say what to do, in the caller’s language', async () => {
    const file =
      'Código;Nombre;Categoría;Estado;Propiedad;Precio;Año\nE-1;A;Naves;activo;alquilado;;\nE-2;B;Otros;activo;alquilado;;\nE-3;C;Vehículos > Otros;de paseo;prestado;-5;19\nE-4;D;Excavadora;activo;alquilado;;\n'
    const body = await look(file)
    expect(codes(body)).toEqual(
      [
        '2 category import_category_unknown',
        '3 category import_category_ambiguous',
        '4 status import_value_status',
        '4 ownership import_value_ownership',
        '4 purchase_price import_value_negative',
        '4 year import_value_year',
        '4 purchase_date equipment_owned_needs_purchase',
      ].slice(0, codes(body).length),
    )
    expect(news(body, 3).category_id).toBe('Maquinaria pesada > Excavadoras')
    expect((await look(file, { language: 'es' })).rows[0].errors[0].detail).toBe('No existe la categoría «Naves». Agréguela en Categorías, corrija la celda o asigne la columna a una especificación.')
  })

  test('what only the database knows is found by the look: someone still has the machine; disposed is final; a code is taken', async () => {
    const held = await world.machine({ fleet_code: 'H-1' })
    expect((await manager.post(`/equipment/${held.id}/assign`, { user_id: world.person('andina', 'operator').userId })).status).toBe(201)
    await world.machine({ fleet_code: 'H-2', status: 'disposed' })
    await world.machine({ fleet_code: 'H-3' })
    const free = await world.machine({})
    const body = await look(
      `Código;Código de flota;Estado;Nombre;Propiedad\n;H-1;retirado;A;alquilado\n;H-2;activo;B;alquilado\n${free.serial_number};H-3;activo;C;alquilado\n;H-4;activo;D;alquilado\n`,
    )
    expect(codes(body)).toEqual(['2 status equipment_retire_while_assigned', '3 status equipment_disposed_final', '4 fleet_code idx_equipment_fleet_code'])
    expect([counts(body), body.rows[0].errors[0].detail]).toEqual([[1, 0, 0, 3], 'Someone still has this machine. Take it back first.'])
  })
})

test('a code that one row frees and a later one takes is no fault, however far apart they stand', async () => {
  const machine = await world.machine({ fleet_code: 'S-1' })
  const others = Array.from({ length: 300 }, (_, index) => `;S-X${index};Otra ${index};alquilado`)
  const moved = ['Código;Código de flota;Nombre;Propiedad', `${machine.serial_number};S-9;Primera;alquilado`, ...others, 'EQ-2020-ZZ-000001;S-1;Nueva;alquilado'].join('\n')
  expect(counts(await look(moved))).toEqual([301, 1, 0, 0])
})

describe('an apply writes all rows or none', () => {
  test('a look writes nothing, and a file with one fault writes nothing', async () => {
    const before = (await manager.get('/equipment?count=true')).body.total
    const events = async () => (await world.sqlAdmin((query) => query('SELECT count(*)::int AS n FROM domain_events')))[0]?.n
    const eventsBefore = await events()
    expect(counts(await look('Código;Nombre;Propiedad\nN-1;A;alquilado\nN-2;B;alquilado\n'))).toEqual([2, 0, 0, 0])
    const reply = await upload('Código;Nombre;Propiedad;Estado\nN-1;A;alquilado;\nN-2;;alquilado;volando\n')
    expect([reply.status, reply.body.code, reply.body.errors.map((error: Body) => error.field)]).toEqual([422, 'import_rows_invalid', ['rows.3.status', 'rows.3.name']])
    expect([(await manager.get('/equipment?count=true')).body.total, await events()]).toEqual([before, eventsBefore])
  })

  test('a fault that only the database finds undoes every row of the file', async () => {
    await world.machine({ fleet_code: 'U-1', status: 'disposed' })
    const reply = await upload('Código;Nombre;Propiedad;Estado\nU-0;A;alquilado;activo\nU-1;B;alquilado;activo\nU-2;C;alquilado;activo\n')
    expect([reply.status, reply.body.errors.map((error: Body) => `${error.field} ${error.code}`)]).toEqual([422, ['rows.3.status equipment_disposed_final']])
    expect((await manager.get('/equipment?fleet_code=U-0,U-2')).body.items).toEqual([])
  })

  test('a batch is recorded; each event carries it, and a changed status its reason', async () => {
    const old = await world.machine({ fleet_code: 'B-1' })
    const body = await apply('Código;Nombre;Propiedad;Estado\nB-1;Excavadora hidráulica;alquilado;taller\nB-2;Nueva;alquilado;activo\nB-3;Igual;alquilado;\n', {
      query: { file_name: 'octubre.csv' },
      language: 'es',
    })
    expect([body.applied, counts(body), body.batch_id]).toEqual([true, [2, 1, 0, 0], expect.stringMatching(/^[0-9a-f-]{36}$/)])
    const created = body.rows.find((row: Body) => row.name === 'Nueva')
    expect((await manager.get(`/equipment/${created.equipment_id}`)).body.fleet_code).toBe('B-2')
    expect((await manager.get(`/equipment/${old.id}/status-history`)).body.items[0]).toMatchObject({ status: 'maintenance', reason: 'Importación octubre.csv' })
    const events = await world.sqlAdmin((query) =>
      query("SELECT aggregate_type AS type, metadata ->> 'source' AS source FROM domain_events WHERE metadata ->> 'batch_id' = $1 ORDER BY 1", [body.batch_id]),
    )
    expect(events).toEqual([...Array(3).fill({ type: 'equipment', source: 'import' }), { type: 'import_batch', source: 'import' }])
    const [batch] = (await manager.get('/imports')).body.items
    expect(batch).toMatchObject({ id: body.batch_id, file_name: 'octubre.csv', row_count: 3, created_count: 2, updated_count: 1, unchanged_count: 0, created_by_name: 'manager de andina' })
  })

  test('a form with a file does the same', async () => {
    const form = new FormData()
    form.append('file', new Blob([latin1('Código;Nombre;Propiedad\nF-1;Formulario Ñ;alquilado\n')]), 'carpeta/formulario.csv')
    const request = new Request('http://localhost/', { method: 'POST', body: form })
    const reply = await upload(Buffer.from(await request.arrayBuffer()), { type: request.headers.get('content-type') ?? '', query: { file_name: 'formulario.csv' } })
    expect([reply.status, reply.body.created_count, reply.body.file_name]).toEqual([200, 1, 'formulario.csv'])
  })

  test('operators and viewers may not import; a stranger does not learn that the company exists', async () => {
    const file = 'Nombre;Propiedad\nA;alquilado\n'
    expect([(await upload(file, { who: 'operator' })).status, (await upload(file, { who: 'viewer' })).status, (await upload(file, { who: 'stranger' })).status]).toEqual([403, 403, 404])
  })
})

test('each machine’s own interval and rule come in and go out, in both languages', async () => {
  const body = await apply('Código;Nombre;Propiedad;Último mantenimiento;Intervalo de servicio (días);Regla de servicio\nIR-1;A;alquilado;2026-03-01;45 días;Fija\nIR-2;B;alquilado;2026-03-01;;\n', {
    company: 'andina',
  })
  expect(counts(body)).toEqual([2, 0, 0, 0])
  const [one, two] = (await manager.get('/equipment?q=IR-&sort=fleet_code')).body.items
  expect([one.maintenance_interval_days, one.maintenance_rule, one.next_maintenance_date]).toEqual([45, 'fixed', '2026-04-15'])
  expect([two.maintenance_interval_days, two.maintenance_rule]).toEqual([null, 'floating'])
  const changed = await apply('Fleet code,Service interval,Service rule\nIR-1,90,floating\nIR-2,,\n', { company: 'andina' })
  expect(counts(changed)).toEqual([0, 1, 1, 0])
  expect((await manager.get(`/equipment/${one.id}`)).body).toMatchObject({ maintenance_interval_days: 90, maintenance_rule: 'floating' })
  const out = (await manager.get('/equipment/export?fleet_code=IR-1', { headers: { 'accept-language': 'es' } })).text
  expect(out).toContain('Intervalo de servicio (días),Regla de servicio')
  expect(out).toMatch(/,90,Flotante,/)
  const wrong = await look('Código;Nombre;Propiedad;Intervalo de servicio;Regla de servicio\nIR-3;A;alquilado;0;a veces\n')
  expect(wrong.rows[0].errors.map((e: { field: string }) => e.field)).toEqual(['maintenance_interval_days', 'maintenance_rule'])
})

describe('an export comes back unchanged', () => {
  const strange = [
    {
      name: '=SUM(A1:A9)',
      location: '+51 999',
      manufacturer: '-x',
      model: '@cmd',
      description: 'línea 1\nlínea 2; "citada", con coma',
      specifications: { marca: 'clave de campo', horometro: 12.5, '-clave': '=1+1', texto: '12,5', code: '007', bueno: true, lista: ['a', 'b;c'], nada: null, Raro: { a: 1 } },
      tags: ['uno', 'dos; tres', 'cuatro, cinco'],
    },
    {
      name: "'=ya citado",
      ownership: 'owned',
      purchase_date: '2020-04-03',
      purchase_price: '1234567.89',
      current_value: '0',
      depreciation_rate: '0.1234',
      currency: 'USD',
      year: 2020,
      plate: '\tABC',
      status: 'retired',
      last_maintenance_date: '2020-05-06',
      next_maintenance_date: '2026-07-08',
      warranty_expires_at: '2027-01-02',
    },
    { name: '  con espacios  ', fleet_code: '0012', manufacturer_serial_number: '1E10', specifications: { grande: 123456789012345680000, negativo: -3, exponente: 1e-7 } },
    { name: '2020-01-02', model: '320.500', fleet_code: '1.234' },
  ]

  beforeAll(async () => {
    const client = world.as('sur', 'manager')
    const heavy = (await client.post('/equipment-categories', { name: 'Maquinaria' })).body.id
    const below = (await client.post('/equipment-categories', { name: 'Excavadoras > grandes', parent_id: heavy, specification_template: [{ key: 'hours', label: 'Horómetro', type: 'number' }] })).body
      .id
    for (const machine of strange) {
      const reply = await client.post('/equipment', { ownership: 'rented', category_id: below, ...machine })
      expect(reply.status, reply.text).toBe(201)
    }
  })

  test.each([
    ['csv', 'es'],
    ['csv', 'en'],
    ['xlsx', 'es'],
    ['xlsx', 'en'],
  ])('%s in %s', async (format, language) => {
    const file = await exported({ format }, 'sur', language)
    const body = await look(file, { company: 'sur', language })
    expect([counts(body), body.rows.flatMap((row: Body) => row.changes)], JSON.stringify(body.columns.map((column: Body) => [column.header, column.field]))).toEqual([[0, 0, 4, 0], []])
    expect((await apply(file, { company: 'sur', language })).unchanged_count).toBe(4)
  })

  test('no cell of the CSV runs as a formula', async () => {
    const [rows] = [(await readSheets(Buffer.from((await exported({ format: 'csv' }, 'sur')).toString().replaceAll("'", '§'))))[0]?.rows ?? []]
    const live = rows.flat().filter((cell) => /^[=+\-@\t\r]/.test(String(cell)) && !/^-\d+(\.\d+)?$/.test(String(cell)))
    expect([live, rows.length]).toEqual([[], 5])
  })

  test('the filters of the list choose what is exported; the audit keeps it', async () => {
    const file = (await exported({ format: 'csv', status: 'retired' }, 'sur')).toString()
    expect([file.trim().split('\r\n').length, file.includes("''=ya citado")]).toEqual([2, true])
    const [row] = await world.sqlAdmin((query) => query("SELECT new_values FROM audit_logs WHERE action = 'exported' AND company_id = $1 ORDER BY id DESC LIMIT 1", [world.companies.sur.id]))
    expect(row?.new_values).toEqual({ format: 'csv', status: 'retired', count: 1 })
  })
})

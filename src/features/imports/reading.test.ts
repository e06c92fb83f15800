// Every messiness of a real spreadsheet, each as its own case, looked at through the HTTP door.

import { buffer } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { zipSync } from 'fflate'
import { beforeAll, describe, expect, test } from 'vitest'
import writeXlsxFile from 'write-excel-file/node'
import { type Body, createWorld } from '../../../test/harness.ts'
import { asked, codes, counts, fieldsOf, latin1, news, uploads } from '../../../test/uploads.ts'
import { neutralizeFormula } from '../../base/sheet.ts'
import { answerOf } from '../../base/thread.ts'
import { writeWorkbook } from '../../base/workbook.ts'
import { cleanText, readSheets, restoreFormula } from './read.ts'
import { readAside, readFile } from './reading.ts'
import { readDay, readNumber, styleOf } from './values.ts'

const world = await createWorld()
const { upload, look, apply } = uploads(world)
const manager = world.as('andina', 'manager')

beforeAll(async () => {
  const add = async (name: string, more: object = {}): Promise<string> => {
    const reply = await manager.post('/equipment-categories', { name, ...more })
    expect(reply.status, reply.text).toBe(201)
    return reply.body.id
  }
  const template = [{ key: 'power_kw', label: 'Potencia (kW)', type: 'number', unit: 'kW' }]
  await add('Excavadoras', { parent_id: await add('Maquinaria pesada'), type_code: 'EX', specification_template: template })
})

describe('messy files are read as they are meant', () => {
  test('Spanish headers in any order, with ; and Latin-1 and 1.234,50 and DD/MM/YYYY', async () => {
    const body = await look(
      latin1(
        'Año;Código;Descripción;Marca;Modelo;N° de Serie;Placa;Fecha de compra;Precio;Moneda;Estado;Ubicación;Categoría;Propiedad;Etiquetas;Próximo mantenimiento;Garantía\n' +
          '2019;EX-01;Excavadora hidráulica;Caterpillar;320D;CAT0320DX1;ABC-123;25/03/2019;1.234.567,50;soles;Operativo;Obra Ñaña;Excavadoras;Propio;obra, principal;30/12/2026;31/03/2029\n',
      ),
    )
    expect(counts(body)).toEqual([1, 0, 0, 0])
    expect(news(body)).toEqual({
      year: '2019',
      fleet_code: 'EX-01',
      name: 'Excavadora hidráulica',
      manufacturer: 'Caterpillar',
      model: '320D',
      manufacturer_serial_number: 'CAT0320DX1',
      plate: 'ABC-123',
      purchase_date: '2019-03-25',
      purchase_price: '1234567.5',
      currency: 'PEN',
      status: 'Active',
      location: 'Obra Ñaña',
      category_id: 'Maquinaria pesada > Excavadoras',
      ownership: 'Owned',
      tags: 'obra; principal',
      next_maintenance_date: '2026-12-30',
      warranty_expires_at: '2029-03-31',
    })
    expect(asked(body)).toEqual(['import_name_from_description'])
  })

  test('English headers, commas, 1,234.50 and ISO days', async () => {
    const body = await look(
      'Name,Equipment code,Make,Model,Serial number,Year,Plate,Ownership,Purchase date,Purchase price,Currency,Status,Location\nRoller,RO-9,Bomag,BW 213,B213,2020,,owned,2020-02-01,"1,234.50",US$,in workshop,North site\n',
    )
    expect(news(body)).toEqual({
      name: 'Roller',
      fleet_code: 'RO-9',
      manufacturer: 'Bomag',
      model: 'BW 213',
      manufacturer_serial_number: 'B213',
      year: '2020',
      ownership: 'Owned',
      purchase_date: '2020-02-01',
      purchase_price: '1234.5',
      currency: 'USD',
      status: 'Maintenance',
      location: 'North site',
    })
    expect(counts(body)).toEqual([1, 0, 0, 0])
  })

  test.each([
    [';', 'a semicolon'],
    [',', 'a comma'],
    ['\t', 'a tab'],
  ])('cells divided by %j (%s)', async (separator) => {
    const body = await look(
      [
        ['Nombre', 'Marca', 'Propiedad'],
        ['Grúa "Grande"', 'Link Belt', 'alquilado'],
        ['Cisterna', 'Volvo', 'alquilado'],
      ]
        .map((row) => row.map((cell) => (cell.includes('"') ? `"${cell.replaceAll('"', '""')}"` : cell)).join(separator))
        .join('\r\n'),
    )
    expect([counts(body), news(body).name, news(body).manufacturer]).toEqual([[2, 0, 0, 0], 'Grúa "Grande"', 'Link Belt'])
  })

  test.each([
    ['UTF-8', Buffer.from('Nombre;Propiedad\nCargador Ñandú;alquilado\n')],
    ['UTF-8 with its mark', Buffer.from('\ufeffNombre;Propiedad\nCargador Ñandú;alquilado\n')],
    ['Latin-1', latin1('Nombre;Propiedad\nCargador Ñandú;alquilado\n')],
    ['UTF-16 with its mark', Buffer.from('\ufeffNombre;Propiedad\nCargador Ñandú;alquilado\n', 'utf16le')],
  ])('letters in %s', async (_, file) => {
    expect(news(await look(file))).toEqual({ name: 'Cargador Ñandú', ownership: 'Rented' })
  })

  test('Windows-1252 signs that Latin-1 lacks', async () => {
    const body = await look(Buffer.concat([latin1('Nombre;Propiedad;Precio (US$)\nRodillo '), Buffer.from([0x93]), latin1('liso'), Buffer.from([0x94]), latin1(';alquilado;10,5\n')]))
    expect(news(body)).toEqual({ name: 'Rodillo “liso”', ownership: 'Rented', purchase_price: '10.5', currency: 'USD' })
  })

  test('title rows above the header and blank rows between are skipped; rows keep the numbers of the file', async () => {
    const body = await look('CONSTRUCTORA ANDINA S.A.C.;;\nRelación de equipo al 31/10/2026;;\n;;\nN°;Nombre;Propiedad\n1;Volquete;alquilado\n;;\n2;Cisterna;alquilado\nTOTAL;2;\n')
    expect([body.header_row, body.rows.map((row: Body) => row.row), counts(body), fieldsOf(body)]).toEqual([4, [5, 7], [2, 0, 0, 0], { 'N°': 'ignore', Nombre: 'name', Propiedad: 'ownership' }])
    expect(body.questions.map((question: Body) => question.detail)).toEqual(['Skipped as titles, totals or remarks, not machines: row 8.'])
  })

  test('other columns become specifications: key from the header, numbers where the whole column is numbers, a template’s label by its key', async () => {
    const body = await look('Nombre;Propiedad;Horómetro;Potencia (kW);N° motor;Año de overhaul\nA;alquilado;1.234,5;110;0012;2020\nB;alquilado;80;99,5;7788;2021\n')
    expect(fieldsOf(body)).toEqual({
      Nombre: 'name',
      Propiedad: 'ownership',
      Horómetro: 'specifications.horometro',
      'Potencia (kW)': 'specifications.power_kw',
      'N° motor': 'specifications.n_motor',
      'Año de overhaul': 'specifications.ano_de_overhaul',
    })
    await apply('Nombre;Código;Propiedad;Horómetro;Potencia (kW);N° motor\nA;SPEC-1;alquilado;1.234,5;110;0012\nB;SPEC-2;alquilado;80;99,5;7788\n')
    const machine = (await manager.get('/equipment?fleet_code=SPEC-1')).body.items[0]
    expect(machine.specifications).toEqual({ horometro: 1234.5, power_kw: 110, n_motor: '0012' })
  })

  test('a mapping by hand wins over the guess', async () => {
    const body = await look('Aaa;Bbb;Modelo\nExcavadora;alquilado;320\n', { query: { mapping: JSON.stringify({ 0: 'name', 1: 'ownership', 2: 'specifications.tipo_cat' }) } })
    expect([fieldsOf(body), counts(body)]).toEqual([{ Aaa: 'name', Bbb: 'ownership', Modelo: 'specifications.tipo_cat' }, [1, 0, 0, 0]])
  })

  test('a Código column of the form EQ-YYYY-XX-NNNNNN is the company’s own code, another one the fleet code', async () => {
    expect(fieldsOf(await look('Código;Nombre;Propiedad\nEQ-2020-EX-000777;A;alquilado\n')).Código).toBe('serial_number')
    expect(fieldsOf(await look('Código;Nombre;Propiedad\nEX-777;A;alquilado\n')).Código).toBe('fleet_code')
  })
})

describe('numbers and days are never guessed one by one', () => {
  const prices = (...cells: string[]) => `Nombre;Propiedad;Precio\n${cells.map((cell, index) => `M${index};alquilado;${cell}`).join('\n')}\n`

  test('1.234 is decided by the other values of its column', async () => {
    expect(news(await look(prices('1.234', '10,50'))).purchase_price).toBe('1234')
    expect(codes(await look(prices('1.234', '10.50')))).toEqual(['2 purchase_price import_value_amount'])
    expect(news(await look(prices('1,234', '10.50'))).purchase_price).toBe('1234')
    expect(news(await look(prices("S/ 1'234,567.89"))).purchase_price).toBe('1234567.89')
  })

  test('1.234 alone is a question and an error until it is answered', async () => {
    const open = await look(prices('1.234', '2.500'))
    expect([asked(open), codes(open)]).toEqual([['import_numbers_open'], ['2 purchase_price import_value_number_ambiguous', '3 purchase_price import_value_number_ambiguous']])
    const answered = await look(prices('1.234', '2.500'), { query: { decimal: 'comma' } })
    expect([asked(answered), news(answered).purchase_price]).toEqual([[], '1234'])
  })

  const days = (...cells: string[]) => `Nombre;Propiedad;Fecha de compra\n${cells.map((cell, index) => `M${index};alquilado;${cell}`).join('\n')}\n`

  test('days that could be either are read as DD/MM and said so', async () => {
    const body = await look(days('03/04/2021', '05/06/2020'))
    expect([news(body).purchase_date, asked(body), body.date_order]).toEqual(['2021-04-03', ['import_dates_assumed'], 'dmy'])
    expect(news(await look(days('03/04/2021'), { query: { date_order: 'mdy' } })).purchase_date).toBe('2021-03-04')
  })

  test('one day beyond 12 settles its column', async () => {
    const first = await look(days('03/04/2021', '25/06/2020'))
    expect([news(first).purchase_date, asked(first)]).toEqual(['2021-04-03', []])
    const second = await look(days('03/04/2021', '06/25/2020'))
    expect([news(second).purchase_date, asked(second)]).toEqual(['2021-03-04', ['import_dates_month_first']])
  })

  test('a column that mixes both orders: what contradicts is a row error, not turned round', async () => {
    const body = await look(days('25/06/2020', '26/07/2020', '06/25/2020', '31/02/2020'))
    expect([codes(body), asked(body)]).toEqual([['4 purchase_date import_value_date_order', '5 purchase_date import_value_date'], ['import_dates_mixed']])
  })

  test('ISO, day numbers of a spreadsheet and months by name', async () => {
    const body = await look(days('2021-03-15', '44270', '15 de marzo de 2021', '15-mar-21', '2021-03-15 00:00:00'))
    expect(body.rows.map((row: Body, index: number) => news(body, index).purchase_date ?? row.errors)).toEqual(Array(5).fill('2021-03-15'))
  })
})

describe('workbooks', () => {
  test('true dates and numbers, a merged title, a group merged over rows, title rows and a second sheet', async () => {
    const file = await writeXlsxFile([
      { sheet: 'Portada', data: [['Constructora Andina']] },
      {
        sheet: 'Equipo',
        data: [
          [{ value: 'RELACIÓN DE EQUIPO', columnSpan: 6 }],
          [null],
          ['Categoría', 'Código', 'Nombre', 'Fecha de compra', 'Precio', 'Propiedad'],
          [{ value: 'Excavadoras', rowSpan: 2 }, 'X-1', 'Excavadora', { value: new Date('2021-04-03T00:00:00Z'), type: Date, format: 'dd/mm/yyyy' }, 1234.5, 'Propio'],
          [null, 'X-2', 'Excavadora', { value: new Date('2021-12-31T00:00:00Z'), type: Date, format: 'dd/mm/yyyy' }, 0.1 + 0.2, 'Propio'],
          [null, 'X-3', 'Compresora', null, null, 'Alquilado'],
        ],
      },
    ]).toBuffer()
    const body = await look(file)
    expect([body.sheet, body.header_row, counts(body)]).toEqual(['Equipo', 3, [3, 0, 0, 0]])
    expect(body.rows.map((_: Body, index: number) => [news(body, index).category_id, news(body, index).purchase_date, news(body, index).purchase_price])).toEqual([
      ['Maquinaria pesada > Excavadoras', '2021-04-03', '1234.5'],
      ['Maquinaria pesada > Excavadoras', '2021-12-31', '0.3'],
      [undefined, undefined, undefined],
    ])
  })

  test('a formula that failed is a row error', async () => {
    expect(codes(await look('Nombre;Propiedad;Marca\nA;alquilado;#N/A\n'))).toEqual(['2 manufacturer import_value_formula'])
  })

  test.each([
    ['nothing', '', 422, 'import_empty'],
    ['blank rows alone', ';;\n;;\n', 422, 'import_empty'],
    ['a PDF', '%PDF-1.7 ...', 422, 'import_not_spreadsheet'],
    ['an image', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1]), 422, 'import_not_spreadsheet'],
    ['an old workbook', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0]), 422, 'import_old_excel'],
    ['a zip of something else', Buffer.from('PK\u0003\u0004 something'), 422, 'import_not_spreadsheet'],
    ['no header', 'uno;dos\ntres;cuatro\n', 422, 'import_no_header'],
    ['a header alone', 'Nombre;Marca\n', 422, 'import_no_rows'],
  ])('refused with a sentence: %s', async (_, file, status, code) => {
    const reply = await upload(file as string | Buffer, { query: { dry_run: 'true' }, type: 'application/octet-stream' })
    expect([reply.status, reply.body.code]).toEqual([status, code])
    expect(reply.body.detail.length).toBeGreaterThan(20)
  })

  test('a workbook that says it unpacks to more than its bound, or unpacks to more than it says, is refused', async () => {
    const file = Buffer.from(zipSync({ 'xl/workbook.xml': new Uint8Array(100_000) }))
    const size = file.indexOf(Buffer.from('PK\u0001\u0002', 'latin1')) + 24
    expect(file.readUInt32LE(size)).toBe(100_000)
    for (const [claimed, status] of [
      [1024 * 1024 * 1024, 413],
      [10, 422],
    ] as const) {
      file.writeUInt32LE(claimed, size)
      await expect(readSheets(file)).rejects.toMatchObject({ status })
    }
  })
})

describe('parsers, for any input', () => {
  const style = (decimal: ',' | '.') => ({ ...styleOf([]), decimal })
  const amount = fc.tuple(fc.integer({ min: 0, max: 999_999_999 }), fc.integer({ min: 0, max: 99 }))

  test('an amount written either way reads back to the cent', () => {
    fc.assert(
      fc.property(amount, fc.boolean(), ([whole, cents], isComma) => {
        const grouped = String(whole).replace(/\B(?=(\d{3})+$)/g, isComma ? '.' : ',')
        const { value } = readNumber(`${grouped}${isComma ? ',' : '.'}${String(cents).padStart(2, '0')}`, style(isComma ? ',' : '.'))
        expect(Number(value)).toBe(Number(`${whole}.${String(cents).padStart(2, '0')}`))
      }),
    )
  })

  test('a day written in the order of its column reads back as itself', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1950-01-01'), max: new Date('2100-12-31'), noInvalidDate: true }),
        fc.constantFrom('dmy' as const, 'mdy' as const),
        fc.constantFrom('/', '-', '.'),
        (date, order, sign) => {
          const iso = date.toISOString().slice(0, 10)
          const [year = '', month = '', day = ''] = iso.split('-')
          expect(readDay((order === 'dmy' ? [day, month, year] : [month, day, year]).join(sign), order)).toBe(iso)
        },
      ),
    )
  })

  test('what keeps a text from running as a formula is undone exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', 'a', '1') }), (text) => {
        expect(restoreFormula(neutralizeFormula(text))).toBe(text)
        expect(/^[=+\-@\t\r]/.test(neutralizeFormula(text))).toBe(false)
      }),
    )
  })

  test('any bytes are read or refused, never worse', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.boolean(), async (bytes, isZip) => {
        const file = Buffer.concat([Buffer.from(isZip ? 'PK\u0003\u0004' : ''), Buffer.from(bytes)])
        await readSheets(file).catch((error) => expect(error).toMatchObject({ status: 422 }))
      }),
    )
  })

  test('cleaning is settled after once', () => {
    fc.assert(fc.property(fc.string(), (text) => cleanText(cleanText(text)) === cleanText(text)))
  })
})

describe('a large file keeps nobody waiting', () => {
  const large = (header: string) => Buffer.from([header, ...Array.from({ length: 2000 }, (_, n) => `L-${n};Camión de 10 m³;${n % 28 || 1}/03/2024;1.234,50;No`)].join('\n'))
  const asking = (bytes: Buffer) => ({ bytes, mapping: new Map<number, string>(), headerRow: undefined, categories: [], answers: { dateOrder: undefined, decimal: undefined } })
  /** How often others had their turn while it went on. */
  async function turnsDuring<T>(work: Promise<T>): Promise<{ result: T; turns: number }> {
    const seen = { turns: 0, isOver: false }
    const others = (async () => {
      for (; !seen.isOver; seen.turns++) await new Promise((done) => setImmediate(done))
    })()
    const result = await work.finally(() => (seen.isOver = true))
    await others
    return { result, turns: seen.turns }
  }

  test('it is read beside the rest, and gives what reading it at once gives', async () => {
    const file = large('Código;Nombre;Fecha de compra;Precio;Propio')
    const beside = await turnsDuring(readAside(asking(file)))
    const atOnce = await turnsDuring(readFile(asking(file)))
    expect(beside.result).toEqual(atOnce.result)
    expect(beside.result.rows.length).toBe(2000)
    expect(atOnce.turns).toBeLessThan(10)
    expect(beside.turns).toBeGreaterThan(50)
  })

  test('what is wrong with it is told as ever, and a thread that dies is no silence', async () => {
    await expect(readAside(asking(large('a;b;c;d;e')))).rejects.toMatchObject({ status: 422, code: 'import_no_header' })
    await expect(readAside(asking(Buffer.from(`%PDF${'x'.repeat(40_000)}`)))).rejects.toMatchObject({ status: 422, code: 'import_not_spreadsheet' })
    const dies = async (script: string) => answerOf<never>(new Worker(script, { eval: true }), () => {})
    await expect(dies('process.exit(0)')).rejects.toThrow('ended before it answered')
    await expect(dies('throw new Error("broken")')).rejects.toThrow('broken')
  })

  test('a workbook is written beside the rest', async () => {
    const shape = { sheet: 'x', headers: ['Código', 'Fecha', 'Precio'], days: [false, true, false] }
    async function* slices() {
      for (let n = 0; n < 20; n++) yield Array.from({ length: 100 }, (_, at) => [`L-${n}-${at}`, '2024-03-28', 12.5])
    }
    const { result, turns } = await turnsDuring(buffer(writeWorkbook(shape, slices())))
    const [sheet] = await readSheets(result)
    expect(sheet?.rows.length).toBe(2001)
    expect(sheet?.rows[1]).toEqual(['L-0-0', new Date('2024-03-28'), 12.5])
    expect(turns).toBeGreaterThan(50)
    const failing = (async function* () {
      yield [['a', null, 1]]
      throw new Error('no more rows')
    })()
    await expect(buffer(writeWorkbook(shape, failing))).rejects.toThrow('no more rows')
  })

  test('a workbook gives back what was written, whatever the text', async () => {
    const texts = ['<&>"\'', ' spaces around ', 'two\nlines', 'and a return\r\n', 'Ñandú 🚜 \u0085', '_x000D_', '=1+1', '2024-03-28', 'x'.repeat(32_767)]
    const wide = Array.from({ length: 800 }, (_, at) => at)
    async function* slices() {
      yield texts.map((text) => [text, '1850-01-01', -0.125])
      yield [['no place in XML: \u0001\uffff', '1900-03-01', 1e21], wide, ['', null, '']]
    }
    const [sheet] = await readSheets(await buffer(writeWorkbook({ sheet: 'a & b', headers: ['T', 'D', 'N'], days: [false, true, false] }, slices())))
    expect(sheet?.name).toBe('a & b')
    expect(sheet?.rows.slice(1, 10).map((cells) => cells.slice(0, 3))).toEqual(texts.map((text) => [text, '1850-01-01', -0.125]))
    expect(sheet?.rows[10]?.slice(0, 3)).toEqual(['no place in XML: \u0001\uffff', new Date('1900-03-01'), 1e21])
    expect(sheet?.rows[11]?.map(Number)).toEqual(wide)
  })
})

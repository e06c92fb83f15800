// The fleet comes in by its spreadsheet: looked at first, read as the person says, all rows or none.
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { root } from '../program.ts'
import { growDemoTree } from '../uploads.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
type File = string | { name: string; mimeType: string; buffer: Buffer }

describe('a manager and the list of machines', () => {
  let manager: Visitor
  const stored = async () => (await world.sqlAdmin((query) => query('SELECT count(*)::int AS n FROM equipment')))[0].n
  const give = async (file: File, button: string) => {
    const [chooser] = await Promise.all([manager.page.waitForEvent('filechooser'), manager.button(button).click()])
    await chooser.setFiles(file)
  }
  /** How many rows there are of a kind, as the buttons above the rows say. */
  const counted = (kind: string, count: number) => manager.sees(manager.main.locator('.import-count').filter({ hasText: new RegExp(`^${count}\\s*${manager.t(`imports.outcome_${kind}`)}$`) }))
  const meaning = (column: string) => manager.main.getByLabel(`${manager.t('imports.meaning')}: ${column}`, { exact: true })

  beforeAll(async () => {
    await growDemoTree(world, 'andina')
    manager = await stage.visit()
    await manager.signIn('manager@andina.test')
  })

  test('starts from an empty list and looks before anything is written', async () => {
    await manager.open('web.nav_equipment')
    await manager.sees(manager.heading(manager.t('equipment.none_yet')))
    await inspect(manager, 'no machines')
    await manager.link('equipment.import').click()
    await manager.sees(manager.heading(manager.t('imports.title')))
    await inspect(manager, 'import')
    await give(join(root, 'demo', 'equipment-300.csv'), 'imports.choose')
    await counted('create', 300)
    await counted('error', 0)
    await inspect(manager, 'look at 300 machines')
    expect(await stored()).toBe(0)
  })

  test('corrects what a column means, then imports all 300', async () => {
    expect(await meaning('Descripción').inputValue()).toBe('name')
    expect(await meaning('N° de Serie').inputValue()).toBe('manufacturer_serial_number')
    await meaning('Proveedor').selectOption('ignore')
    await manager.button('imports.apply_count', { count: 300 }).waitFor()
    await expect.poll(() => meaning('Proveedor').inputValue()).toBe('ignore')
    await Promise.all([manager.sees(manager.page.getByRole('progressbar')), manager.button('imports.apply_count', { count: 300 }).click()])
    await manager.sees(manager.heading(manager.t('imports.applied_title')))
    await manager.sees(manager.t('imports.applied_text', { created: 300, updated: 0, unchanged: 0 }))
    await inspect(manager, 'imported')
    expect(await stored()).toBe(300)
    const [machine] = await world.sqlAdmin((query) => query("SELECT * FROM equipment WHERE fleet_code = 'EX-003'"))
    expect(machine).toMatchObject({ purchase_date: '2017-11-05', purchase_price: '165525.10', currency: 'USD' })
    expect(machine.specifications).not.toHaveProperty('proveedor')
  })

  test('sees them in the list, and that the same file brings nothing new', async () => {
    await manager.link('imports.see_machines').click()
    await manager.button('web.count_all').click()
    await manager.sees(manager.t('web.shown_of', { count: 50, total: 300 }))
    await manager.page.goBack()
    await give(join(root, 'demo', 'equipment-300.xlsx'), 'imports.choose')
    await meaning('Proveedor').selectOption('ignore')
    await counted('unchanged', 300)
    await manager.sees(manager.t('imports.nothing_new'))
    expect(await manager.button('imports.apply_count', { count: 0 }).isDisabled()).toBe(true)
  })

  test('a file with faults names each of them and writes nothing', async () => {
    const rows = ['Código;Descripción;Propiedad;Fecha de compra;Precio', 'N-1;Grúa nueva;Propio;31/02/2024;1.000,00', 'N-2;Bomba nueva;Propio;01/03/2024;doce mil', 'N-3;Rodillo nuevo;Alquilado;;']
    await give({ name: 'lista nueva.csv', mimeType: 'text/csv', buffer: Buffer.from(rows.join('\r\n'), 'latin1') }, 'imports.choose_other')
    await counted('error', 2)
    await manager.sees(manager.main.getByText(manager.t('problems.import_value_date', { text: '31/02/2024' })))
    await manager.sees(manager.main.getByText(manager.t('problems.import_value_number', { text: 'doce mil' })))
    await manager.sees(manager.t('imports.fix_errors'))
    expect(await manager.button('imports.apply_count', { count: 1 }).isDisabled()).toBe(true)
    await inspect(manager, 'rows with errors')
    await manager.refused(/status of 4\d\d/, async () => {
      await give({ name: 'foto.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0]) }, 'imports.choose_other')
      await manager.sees(manager.page.getByRole('alert').filter({ hasText: manager.t('problems.import_not_spreadsheet') }))
    })
    expect(await stored()).toBe(300)
  })
})

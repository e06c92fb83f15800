// When things go wrong: the server is away and comes back, an answer takes long, a session ends, an address leads nowhere.
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { createServer } from '../../src/server.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage

/** A second server on the same database, which may be stopped and started while somebody looks. */
let server: FastifyInstance
let port = 0
const start = async () => {
  server = await createServer(readConfig({ BITCORP_LOG_LEVEL: 'fatal', BITCORP_RATE_LIMIT: '100000' }), world.db)
  await server.listen({ port, host: '127.0.0.1' })
  port = (server.server.address() as AddressInfo).port
}
const stop = async () => {
  server.server.closeAllConnections()
  await server.close()
}

let manager: Visitor
const home = `/c/${world.companies.andina.id}`
beforeAll(async () => {
  await start()
  await world.machine({ name: 'Excavadora' })
  await world.machine({ name: 'Bomba' })
  manager = await stage.visit()
  await manager.goTo(`http://127.0.0.1:${port}/sign-in`)
  await manager.signIn('manager@andina.test')
})
afterAll(() => stop())

describe('the server is away', () => {
  test('a list says so, and comes by trying again', async () => {
    await manager.open('web.nav_equipment')
    await manager.seesRows(['Bomba', 'Excavadora'])
    await stop()
    await manager.refused(/ERR_CONNECTION_REFUSED/, async () => {
      await manager.main.getByRole('searchbox').fill('excavadora')
      await manager.sees(manager.main.getByRole('alert').filter({ hasText: manager.t('web.offline') }))
    })
    await inspect(manager, 'server away')
    await start()
    await manager.button('web.try_again').click()
    await manager.seesRows(['Excavadora'])
  })

  test('a form keeps what was written, and saves when it is back', async () => {
    await manager.link('equipment.register').click()
    await manager.fill({ 'machine.name': 'Grúa torre' })
    await manager.page.getByRole('radio', { name: manager.t('equipment.ownership_rented') }).check()
    await stop()
    await manager.refused(/ERR_CONNECTION_REFUSED/, async () => {
      await manager.button('equipment.register').click()
      await manager.sees(manager.main.getByRole('alert').filter({ hasText: manager.t('web.offline') }))
    })
    expect(await manager.field('machine.name').inputValue()).toBe('Grúa torre')
    await start()
    await manager.button('equipment.register').click()
    await manager.sees(manager.heading('Grúa torre'))
    expect(await world.sqlAdmin((query) => query("SELECT count(*)::int AS n FROM equipment WHERE name = 'Grúa torre'"))).toEqual([{ n: 1 }])
  })

  test('a page that was never opened says so too, instead of the browser’s own error', async () => {
    await stop()
    // React reports the page that failed, too.
    await manager.refused(/ERR_CONNECTION_REFUSED|Sin conexión/, async () => {
      await manager.link('web.nav_categories').click()
      await manager.sees(manager.page.getByRole('alert').filter({ hasText: manager.t('web.offline') }))
      await manager.button('web.try_again').click()
      await manager.sees(manager.page.getByRole('alert').filter({ hasText: manager.t('web.offline') }))
    })
    await start()
    await manager.button('web.try_again').click()
    await manager.sees(manager.heading(manager.t('categories.empty_title')))
  })
})

describe('other trouble', () => {
  test('a slow answer shows that it is on its way', async () => {
    const list = /\/api\/v1\/companies\/[^/]+\/equipment(\?|$)/
    await manager.page.route(list, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await route.continue()
    })
    await manager.goTo(`${manager.page.url().split('/c/')[0]}${home}/equipment`)
    await manager.sees(manager.main.locator('section.list[aria-busy="true"] .mantine-Skeleton-root'))
    await inspect(manager, 'loading')
    await manager.seesRows(['Grúa torre', 'Bomba', 'Excavadora'])
    await manager.page.unroute(list)
  })

  test('a session that ended leads to the sign-in and back to the same place', async () => {
    await manager.searchFor('bomba')
    const address = manager.page.url()
    await world.sqlAdmin((query) => query("UPDATE sessions SET ended_at = clock_timestamp() WHERE kind = 'browser'"))
    await manager.refused(/status of 401/, async () => {
      await manager.main.getByRole('searchbox').fill('bombas')
      await manager.button('access.sign_in').waitFor()
    })
    await manager.signIn('manager@andina.test')
    expect(manager.page.url()).toBe(`${address}s`)
    await manager.seesRows(['Bomba'])
  })

  test('an address that leads nowhere says so, with a way home', async () => {
    for (const path of [`${home}/nothing-here`, '/nothing-here', '/c/not-a-company']) {
      await manager.goTo(`http://127.0.0.1:${port}${path}`)
      await manager.sees(manager.heading(manager.t('web.not_found_title')))
      await inspect(manager, path)
    }
    await manager.link('web.to_home').click()
    await manager.sees(manager.heading(manager.t('equipment.home_hello', { name: 'manager' })))
    await manager.refused(/status of 4\d\d/, async () => {
      await manager.goTo(`http://127.0.0.1:${port}${home}/equipment/no-such-id`)
      await manager.sees(manager.heading(manager.t('machine.missing')))
    })
  })
})

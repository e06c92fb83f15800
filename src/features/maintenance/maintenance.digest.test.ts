// The daily mail about due services: who gets it, what it says in which language, once a day whoever sends, and again when it failed.
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { awayFromMidnight, connected, createWorld, refusalOf } from '../../../test/harness.ts'
import { receiveMail } from '../../../test/mailbox.ts'
import { readConfig } from '../../base/config.ts'
import { createTranslator } from '../../base/i18n.ts'
import { asOwner } from '../../base/owner.ts'
import { createServer } from '../../server.ts'
import { type Sending, sendDigests } from './digest.ts'
import { digestWords } from './digest-words.ts'

await awayFromMidnight(-5)
const world = await createWorld()
const box = await receiveMail()
const translate = createTranslator([digestWords])
const { andina, sur } = world.companies
const folder = mkdtempSync(join(tmpdir(), 'bitcorp-digest-'))
afterAll(() => box.close())
const config = readConfig({ BITCORP_SMTP_URL: `smtp://127.0.0.1:${box.port}`, BITCORP_PUBLIC_URL: 'https://flota.test/', BITCORP_MAIL_DIR: folder })
const day = (offset: number) => new Date(Date.now() - 5 * 3600_000 + offset * 86_400_000).toISOString().slice(0, 10)
const send = (how: Partial<Sending> = {}) => asOwner(world.ownerUrl, (owner) => sendDigests(owner, { config, translate, companyId: andina.id, isAsked: true, ...how }))
const to = (mails: { to: string[] }[]) => mails.flatMap((mail) => mail.to).sort()
/** The words of the plain part, as a mail program shows them. */
const read = (mail: { text: string } | undefined) => {
  const part = /content-type: text\/plain.*?\n\n(.*?)\n--/is.exec(mail?.text ?? '')?.[0] ?? ''
  const body = part.slice(part.indexOf('\n\n') + 2)
  return /base64/i.test(part.slice(0, part.indexOf('\n\n')))
    ? Buffer.from(body, 'base64').toString()
    : Buffer.from(
        body.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      ).toString()
}

const overdue = await world.machine({ name: 'Volquete <15>', fleet_code: 'VQ-15', location: 'Km 34', next_maintenance_date: day(-3) })
await world.machine({ name: 'Rodillo', fleet_code: 'RO-1', next_maintenance_date: day(7) })
await world.machine({ name: 'Grúa', fleet_code: 'GR-1', next_maintenance_date: day(30) })
await world.machine({ name: 'Nueva', fleet_code: 'NU-1', next_maintenance_date: day(31) })
const retired = await world.machine({ name: 'Retirada', fleet_code: 'RT-1', next_maintenance_date: day(-9) })
await world.as('andina', 'manager').post(`/equipment/${retired.id}/status`, { status: 'retired', reason: 'fin' })
await world.machine({ name: 'Ajena', fleet_code: 'AJ-1', next_maintenance_date: day(-1) }, 'sur')

beforeEach(async () => {
  box.mails.length = 0
  await world.sqlAdmin((q) => q('DELETE FROM maintenance_digest_mails'))
})

test('admins and managers are told what is overdue and due, each in their language, with links; the others are not', async () => {
  await world.sqlAdmin((q) => q("UPDATE users SET language = 'en' WHERE id = $1", [andina.people.admin.userId]))
  expect((await send()).map(({ email, problem }) => [email, problem])).toEqual(
    expect.arrayContaining([
      ['admin@andina.test', null],
      ['manager@andina.test', null],
    ]),
  )
  expect(to(box.mails)).toEqual(['admin@andina.test', 'manager@andina.test'])
  const english = read(box.mails.find((mail) => mail.to[0] === 'admin@andina.test'))
  const spanish = read(box.mails.find((mail) => mail.to[0] === 'manager@andina.test'))
  expect(english).toMatch(/Overdue: 1\n- Volquete <15> \(VQ-15\) · Km 34\n.*3 days overdue\)\n/)
  expect(spanish).toMatch(/Vencidos: 1\n- Volquete <15> \(VQ-15\) · Km 34\n.*vencido hace 3 días\)\n/)
  for (const text of [english, spanish]) {
    expect(text).toContain(`https://flota.test/c/${andina.id}/equipment/${overdue.id}`)
    expect(text.match(/\((VQ|RO|GR)-\d+\)/g)).toEqual(['(VQ-15)', '(RO-1)', '(GR-1)'])
    for (const word of ['NU-1', 'RT-1', 'AJ-1', '{{']) expect(text).not.toContain(word)
  }
  expect(box.mails[0]?.text).not.toContain('<15>&')
  expect(box.mails[0]?.text).toMatch(/Volquete =?\n?&#6=?\n?0;/)
})

test('once a person and day, however many send at once or again', async () => {
  await Promise.all([send(), send(), send(), send()])
  await send()
  expect(to(box.mails)).toEqual(['admin@andina.test', 'manager@andina.test'])
  await world.sqlAdmin((q) => q('UPDATE maintenance_digest_mails SET day = day - 1'))
  expect((await send()).length, 'the next day').toBe(2)
})

test('by the clock it waits for the hour the company chose, in the company’s zone, and none is sent when it chose none', async () => {
  const hour = async (value: number | null) => {
    const reply = await world.as('andina', 'admin').patch(`/api/v1/companies/${andina.id}`, { settings: { maintenance_digest_hour: value } }, { version: '*' })
    expect(reply.status, reply.text).toBe(200)
  }
  const now = new Date(Date.now() - 5 * 3600_000).getUTCHours()
  // Two hours on: the next one may begin while this runs.
  if (now < 22) {
    await hour(now + 2)
    expect(await send({ isAsked: false })).toEqual([])
  }
  await hour(null)
  expect(await send({ isAsked: false })).toEqual([])
  expect((await world.as('andina', 'manager').get('/maintenance-digest')).body).toEqual({ is_wanted: true, hour: null })
  await hour(0)
  expect((await send({ isAsked: false })).length).toBe(2)
  const set = (value: string) => refusalOf(() => world.sqlAdmin((q) => q(`UPDATE companies SET settings = settings || '{"maintenance_digest_hour": ${value}}' WHERE id = $1`, [andina.id])))
  for (const wrong of ['24', '-1', '7.5', '"7"', '[]', 'true']) expect(await set(wrong), wrong).toBe('companies_digest_hour_valid')
})

test('who does not want it, left, or was deactivated gets none; one person’s choice is theirs alone', async () => {
  const manager = world.as('andina', 'manager')
  expect((await manager.patch('/maintenance-digest', { is_wanted: false })).body).toMatchObject({ is_wanted: false })
  expect((await world.as('andina', 'admin').get('/maintenance-digest')).body).toMatchObject({ is_wanted: true })
  expect((await world.as('andina', 'operator').patch('/maintenance-digest', { is_wanted: true })).status).toBe(403)
  await send()
  expect(to(box.mails)).toEqual(['admin@andina.test'])
  await manager.patch('/maintenance-digest', { is_wanted: true })
  await world.sqlAdmin((q) => q("UPDATE users SET status = 'deactivated' WHERE id = $1", [andina.people.admin.userId]))
  await world.sqlAdmin((q) => q('DELETE FROM maintenance_digest_mails'))
  await send()
  expect(to(box.mails)).toEqual(['admin@andina.test', 'manager@andina.test'])
  await world.sqlAdmin((q) => q("UPDATE users SET status = 'active' WHERE id = $1", [andina.people.admin.userId]))
})

test('a mail that failed is tried again later, and holds up no other', async () => {
  const picky = await receiveMail({ refuse: ['admin@andina.test'] })
  const there = { config: { ...config, smtpUrl: `smtp://127.0.0.1:${picky.port}` } }
  const sent = await send(there)
  expect(sent.find(({ email }) => email === 'admin@andina.test')?.problem).toMatch(/did not take a mail/)
  expect(to(picky.mails)).toEqual(['manager@andina.test'])
  expect(await send()).toEqual([])
  await world.sqlAdmin((q) => q("UPDATE maintenance_digest_mails SET failed_at = failed_at - interval '11 minutes'"))
  expect((await send()).map(({ email }) => email)).toEqual(['admin@andina.test'])
  await picky.close()
})

test('nothing due, nothing sent; a suspended company gets none', async () => {
  await world.sqlAdmin((q) => q("UPDATE companies SET status = 'suspended' WHERE id = $1", [sur.id]))
  expect(await send({ companyId: sur.id })).toEqual([])
  await world.sqlAdmin((q) => q("UPDATE companies SET status = 'active' WHERE id = $1", [sur.id]))
  expect((await send({ companyId: sur.id })).length).toBe(2)
})

test('without a server it is a file for each', async () => {
  await send({ config: { ...config, smtpUrl: undefined } })
  const mails = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  expect(mails.map((text) => /^To: (.*)\r$/m.exec(text)?.[1]).sort()).toEqual(['admin@andina.test', 'manager@andina.test'])
})

test('the job sends by itself while the server listens', async () => {
  for (const company of ['andina', 'sur'] as const)
    await world.as(company, 'admin').patch(`/api/v1/companies/${world.companies[company].id}`, { settings: { maintenance_digest_hour: 0 } }, { version: '*' })
  const app = await createServer(config, world.db, world.ownerUrl)
  await app.listen({ port: 0, host: '127.0.0.1' })
  await expect.poll(() => to(box.mails), { timeout: 30_000 }).toEqual(['admin@andina.test', 'admin@sur.test', 'manager@andina.test', 'manager@sur.test'])
  await app.close()
})

test('who serves cannot read who is told what: the functions are the owner’s alone', async () => {
  await connected(world.appUrl, async (q) => {
    for (const call of [`claim_maintenance_digests(NULL, true, 9)`, `list_maintenance_digest('${sur.id}', '2026-01-01', 9)`, `finish_maintenance_digest('${sur.id}', '${sur.id}', '2026-01-01', NULL)`])
      expect(await refusalOf(() => q(`SELECT * FROM ${call}`)), call).toBe('42501')
    expect(await refusalOf(() => q('SELECT * FROM maintenance_digest_mails'))).toBe('42501')
  })
})

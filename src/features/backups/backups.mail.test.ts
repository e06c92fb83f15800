// The alarm's mail: once for each alarm, whichever server looks, in the person's language, and only where mail is set up.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createWorld } from '../../../test/harness.ts'
import { receiveMail } from '../../../test/mailbox.ts'
import { type Config, readConfig } from '../../base/config.ts'
import { createTranslator } from '../../base/i18n.ts'
import { openShelf } from './take.ts'
import { AlarmTeller } from './tell.ts'
import { words } from './words.ts'

const world = await createWorld()
const box = await receiveMail()
const translate = await createTranslator([words])
const folder = mkdtempSync(join(tmpdir(), 'bitcorp-alarm-'))
afterAll(async () => {
  await box.close()
  rmSync(folder, { recursive: true, force: true })
})
await world.sqlAdmin(async (q) => {
  for (const email of ['admin@andina.test', 'admin@sur.test', 'manager@andina.test']) await q('SELECT put_installation_admin($1, true)', [email])
  await q("UPDATE users SET language = 'en' WHERE email = 'admin@sur.test'")
  await q("SELECT set_account_status('manager@andina.test', 'deactivated')")
})

/** An installation of last week, whose backups are as `shelf` says. */
function installation(env: Record<string, string>): Config {
  const dataDir = mkdtempSync(join(folder, 'data-'))
  mkdirSync(join(dataDir, 'postgres'))
  writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '18')
  const born = new Date(Date.now() - 3600_000)
  utimesSync(join(dataDir, 'postgres', 'PG_VERSION'), born, born)
  return readConfig({ BITCORP_DATA_DIR: dataDir, BITCORP_PUBLIC_URL: 'https://flota.test', ...env })
}
const teller = (config: Config) => new AlarmTeller(config, world.ownerUrl, translate)
const plain = (text: string) =>
  Buffer.from(
    text.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString()

test('who looks after the installation is told once, in their language; again only after all was well', async () => {
  const config = installation({ BITCORP_SMTP_URL: `smtp://127.0.0.1:${box.port}` })
  const [one, other] = [teller(config), teller(config)]
  expect(await one.run()).toEqual([])
  openShelf(config).noteFailure('the disk is full')
  expect(await one.run()).toEqual(['admin@andina.test', 'admin@sur.test'])
  for (const again of [one, other, teller(config)]) expect(await again.run()).toEqual([])
  expect(box.mails.map((mail) => mail.to)).toEqual([['admin@andina.test'], ['admin@sur.test']])
  expect(plain(box.mails[0]?.text ?? '')).toMatch(/La última copia falló el .* UTC: the disk is full[\s\S]*Instalación → Copias de seguridad: https:\/\/flota\.test/)
  expect(plain(box.mails[1]?.text ?? '')).toMatch(/The last backup failed on .* UTC: the disk is full/)
  openShelf(config).noteSuccess()
  expect(await other.run()).toEqual([])
  openShelf(config).noteFailure('the disk is full again')
  expect(await other.run()).toHaveLength(2)
  expect(box.mails).toHaveLength(4)
})

test('a mail that nobody took is tried again; without a mail server nothing is written anywhere', async () => {
  const config = installation({ BITCORP_SMTP_URL: 'smtp://127.0.0.1:1' })
  openShelf(config).noteFailure('the disk is full')
  const one = teller(config)
  for (let n = 0; n < 2; n++) expect(await one.run().catch((error: Error) => error.message)).toMatch(/did not take a mail/)
  const before = box.mails.length
  expect(await teller({ ...config, smtpUrl: `smtp://127.0.0.1:${box.port}` }).run()).toHaveLength(2)
  expect(box.mails).toHaveLength(before + 2)
  const silent = installation({})
  openShelf(silent).noteFailure('the disk is full')
  expect(await teller(silent).run()).toEqual([])
  expect(existsSync(silent.mailDir)).toBe(false)
  expect(readdirSync(silent.backupDir).filter((name) => name.endsWith('.told'))).toEqual([])
})

// Mail leaves by SMTP, or into the folder when no server is set; a refusal tells no password.
import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { receiveMail } from '../../test/mailbox.ts'
import { readConfig } from './config.ts'
import { sendMail } from './mail.ts'

const folder = mkdtempSync(join(tmpdir(), 'bitcorp-mail-'))
const box = await receiveMail()
const locked = await receiveMail({ locked: true })
afterAll(() => Promise.all([box.close(), locked.close()]))
const config = (env: Record<string, string>) => readConfig({ BITCORP_MAIL_DIR: folder, ...env })
const mail = { to: 'rosa@andina.test', subject: 'Atención: año', text: 'Línea\n.sola', html: '<p>Línea</p>' }

test('a server takes the mail whole', async () => {
  expect(await sendMail(config({ BITCORP_SMTP_URL: `smtp://127.0.0.1:${box.port}`, BITCORP_MAIL_FROM: 'Flota <flota@andina.test>' }), mail)).toBeUndefined()
  expect(box.mails).toHaveLength(1)
  expect(box.mails[0]).toMatchObject({ from: 'flota@andina.test', to: ['rosa@andina.test'] })
  expect(box.mails[0]?.text).toContain('Subject: =?UTF-8?')
  expect(readdirSync(folder)).toEqual([])
})

test('without a server it is a file that only its owner reads', async () => {
  const path = await sendMail(config({}), mail)
  expect(readdirSync(folder).map((name) => join(folder, name))).toEqual([path])
  expect(statSync(path ?? '').mode & 0o777).toBe(0o600)
  expect(readFileSync(path ?? '', 'utf8')).toMatch(/^From: Bitcorp ERP <bitcorp@localhost>\r\nTo: rosa@andina\.test\r\n/m)
})

test('an address cannot smuggle in another person or header', async () => {
  await sendMail(config({ BITCORP_SMTP_URL: `smtp://127.0.0.1:${box.port}` }), { ...mail, subject: 'a\r\nBcc: eve@evil.test' })
  await sendMail(config({ BITCORP_SMTP_URL: `smtp://127.0.0.1:${box.port}` }), { ...mail, to: 'rosa@andina.test, eve@evil.test' }).catch(() => {})
  expect(box.mails.flatMap((m) => m.to).filter((to) => to === 'eve@evil.test')).toEqual([])
  expect(box.mails.some((m) => /^Bcc:/im.test(m.text))).toBe(false)
})

test('who is not let in is told where, not with which password', async () => {
  const url = `smtp://flota:geheim-4711@127.0.0.1:${locked.port}`
  const told = await sendMail(config({ BITCORP_SMTP_URL: url }), mail).catch((error: Error) => error.message)
  expect(told).toMatch(/127\.0\.0\.1:\d+ did not take a mail \(EAUTH 535\)/)
  expect(told).not.toContain('geheim-4711')
  expect(() => config({ BITCORP_SMTP_URL: 'geheim-4711' })).toThrow(/^BITCORP_SMTP_URL is not an address of the form smtp:/)
})

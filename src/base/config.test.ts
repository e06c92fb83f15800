// The settings: secrets that stand in files, and what is said of them.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError, isLoopback, readConfig, secretSettings } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'bitcorp-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function secretFile(text: string, mode = 0o600): string {
  const path = join(folder, `secret-${Math.random()}`)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const values: Record<(typeof secretSettings)[number], string> = {
  DATABASE_URL: 'postgresql://owner:p%40ss@db.internal:5432/erp',
  DATABASE_APP_URL: 'postgresql://application_user:other@db.internal:5432/erp',
  DATABASE_REPLICA_URL: 'postgresql://application_user:other@replica.internal:5432/erp',
  BITCORP_SMTP_URL: 'smtp://me:secret@mail.internal:587',
  BITCORP_OIDC_CLIENT_SECRET: 'a-secret-of-the-provider',
}
const others = { BITCORP_OIDC_ISSUER: 'https://login.example.com', BITCORP_OIDC_CLIENT_ID: 'bitcorp' }
const withOthers = (name: string) => (name === 'BITCORP_OIDC_CLIENT_SECRET' ? others : {})

/** All that the configuration holds, to find a secret by its value wherever it stands. */
const read = (env: Record<string, string>) => JSON.stringify(readConfig(env))

describe('a secret in a file', () => {
  it.each(secretSettings)('%s is read from the file that its _FILE names, without the newline at its end', (name) => {
    for (const end of ['', '\n', '\r\n']) expect(read({ ...withOthers(name), [`${name}_FILE`]: secretFile(values[name] + end) })).toContain(values[name])
    expect(readConfig({ ...withOthers(name), [`${name}_FILE`]: secretFile(values[name]) }).warnings).toEqual([])
  })

  it.each(secretSettings)('%s given twice is refused, and the sentence does not show it', (name) => {
    const twice = () => readConfig({ [name]: values[name], [`${name}_FILE`]: secretFile(values[name]) })
    expect(twice).toThrow(ConfigError)
    expect(twice).toThrow(`${name} and ${name}_FILE are both given`)
    expect(twice).not.toThrow(/internal/)
  })

  it('that is missing, a folder or empty is refused with its name', () => {
    const path = join(folder, 'nowhere')
    expect(() => readConfig({ DATABASE_URL_FILE: path })).toThrow(`DATABASE_URL_FILE is "${path}", which cannot be read: ENOENT`)
    expect(() => readConfig({ DATABASE_URL_FILE: folder })).toThrow(/cannot be read: EISDIR/)
    expect(() => readConfig({ DATABASE_URL_FILE: secretFile('\n') })).toThrow(/which is empty/)
  })

  it('that holds no connection string is refused as the setting itself is, without its words', () => {
    const wrong = () => readConfig({ DATABASE_URL_FILE: secretFile('mysql://root:hidden@x/y') })
    expect(wrong).toThrow(/DATABASE_URL is not a connection string/)
    expect(wrong).not.toThrow(/hidden/)
  })

  it('that everyone may read is used, and said', () => {
    const path = secretFile(values.DATABASE_URL, 0o644)
    const config = readConfig({ DATABASE_URL_FILE: path })
    expect(config.databaseUrl).toBe(values.DATABASE_URL)
    expect(config.warnings).toEqual([`Every user of this machine may read ${path}, the secret of DATABASE_URL_FILE: chmod 600 ${path}`])
    expect(readConfig({ DATABASE_URL_FILE: secretFile(values.DATABASE_URL, 0o640) }).warnings).toEqual([])
  })
})

it('only the addresses of this machine count as its own', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1']) expect(isLoopback(host), host).toBe(true)
  for (const host of ['0.0.0.0', '::', '192.168.1.7', 'erp.example.com', '127.0.0.1.example.com', 'localhost.example.com']) expect(isLoopback(host), host).toBe(false)
})

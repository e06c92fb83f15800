// Mail out: by SMTP when a server is set, else as .eml files in a folder that a person or a test can read.
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import type { Config } from './config.ts'

export type Mail = { to: string; subject: string; text: string; html?: string }
export type MailConfig = Pick<Config, 'smtpUrl' | 'mailFrom' | 'mailDir'>

/** A mail that did not leave. Its message names the server, never what was used to sign in there. */
export class MailError extends Error {}

const safe = { disableFileAccess: true, disableUrlAccess: true } as const
const patience = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 } as const

/** Sends one mail. Gives the file it was written to, or nothing when a server took it. Throws MailError. */
export async function sendMail(config: MailConfig, mail: Mail): Promise<string | undefined> {
  const message = { ...mail, ...safe, from: config.mailFrom, to: { name: '', address: mail.to } }
  if (config.smtpUrl === undefined) return writeMail(config.mailDir, message)
  const transport = createTransport({ url: config.smtpUrl, ...safe, ...patience })
  try {
    await transport.sendMail(message)
    return undefined
  } catch (error) {
    const { code, responseCode } = error as { code?: string; responseCode?: number }
    throw new MailError(`The mail server ${new URL(config.smtpUrl).host} did not take a mail (${[code, responseCode].filter(Boolean).join(' ') || 'no reason given'}).`)
  } finally {
    transport.close()
  }
}

async function writeMail(folder: string, message: object): Promise<string> {
  const { message: bytes } = await createTransport({ streamTransport: true, buffer: true, newline: 'windows' }).sendMail(message)
  const path = join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}-${randomBytes(4).toString('hex')}.eml`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // A reader of the folder finds whole files only.
  writeFileSync(`${path}.part`, bytes as Buffer, { mode: 0o600 })
  renameSync(`${path}.part`, path)
  return path
}

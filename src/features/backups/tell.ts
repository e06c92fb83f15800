// The mail that the backups are not as they must be: once for each alarm, to who looks after the installation, in their language.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Alarm, examineBackups, type Health, lacksLog } from '../../base/backup-health.ts'
import type { Config } from '../../base/config.ts'
import { type Mail, sendMail } from '../../base/mail.ts'
import { asOwner } from '../../base/owner.ts'
import type { Translate } from '../../plain/translate.ts'
import type { Language } from '../../plain/words.ts'

type Person = { email: string; language: Language }

export class AlarmTeller {
  // When the folder cannot be written, which may be the very alarm, this process at least remembers.
  private readonly told = new Set<Alarm>()
  private readonly config: Config
  private readonly ownerUrl: string
  private readonly translate: (language: Language) => Translate
  constructor(config: Config, ownerUrl: string, translate: (language: Language) => Translate) {
    this.config = config
    this.ownerUrl = ownerUrl
    this.translate = translate
  }

  /** Gives the addresses that it wrote to now. Throws when nobody could be told; then the next look tries again. */
  async run(): Promise<string[]> {
    if (this.config.smtpUrl === undefined) return []
    const health = examineBackups(this.config)
    const { alarm } = health
    if (alarm === null) this.forget()
    if (alarm === null || !this.claim(alarm)) return []
    const sent: string[] = []
    try {
      const people = await asOwner(this.ownerUrl, (owner) => owner.query<Person>('SELECT email, language FROM list_installation_admins()'))
      const failed: Error[] = []
      for (const person of people)
        await sendMail(this.config, writeAlarm(health, person, this.translate(person.language), this.config.publicUrl)).then(
          () => sent.push(person.email),
          (error: Error) => failed.push(error),
        )
      if (sent.length === 0) throw failed[0] ?? new Error('nobody looks after the installation: bitcorp user installation EMAIL --on')
      return sent
    } catch (error) {
      this.told.delete(alarm)
      rmSync(this.noteOf(alarm), { force: true })
      throw error
    }
  }

  private noteOf(alarm: Alarm): string {
    return join(this.config.backupDir, `alarm-${alarm}.told`)
  }

  /** Servers that share the folder tell once: whoever makes the note. */
  private claim(alarm: Alarm): boolean {
    if (this.told.has(alarm)) return false
    this.told.add(alarm)
    try {
      mkdirSync(this.config.backupDir, { recursive: true, mode: 0o700 })
      writeFileSync(this.noteOf(alarm), '', { flag: 'wx', mode: 0o600 })
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'EEXIST'
    }
  }

  private forget(): void {
    this.told.clear()
    try {
      for (const name of readdirSync(this.config.backupDir)) if (/^alarm-\w+\.told$/.test(name)) rmSync(join(this.config.backupDir, name), { force: true })
    } catch {
      // No folder, no notes.
    }
  }
}

function writeAlarm({ alarm, failure, receiving, newest }: Health, { email, language }: Person, t: Translate, publicUrl: string): Mail {
  const at = failure ? new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'es-PE', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }).format(new Date(failure.at)) : ''
  const text = [
    t(`backups.alarm_${alarm}`, { at: `${at} UTC`, reason: failure?.reason ?? '' }),
    ...(lacksLog(receiving, newest) ? [t('backups.archive_missing', { name: receiving?.missing?.name ?? '' })] : []),
    ...(alarm === 'archive_stuck' && receiving?.trouble ? [receiving.trouble] : []),
    `${t('backups.mail_where')}: ${publicUrl}`,
    t('backups.mail_why'),
  ]
  return { to: email, subject: t('backups.mail_subject'), text: text.join('\n\n') }
}

// The daily mail about what is due: claimed, written in each person's language, and sent, once a person and day.
import type { Config } from '../../base/config.ts'
import { type Mail, sendMail } from '../../base/mail.ts'
import type { Owner } from '../../base/owner.ts'
import type { Translate } from '../../plain/translate.ts'
import type { Language } from '../../plain/words.ts'
import type { DueState } from './contract.ts'

type Claim = { company_id: string; company_name: string; day: string; user_id: string; email: string; language: Language }
type Line = { due: Exclude<DueState, 'later'>; total: number; id: string; name: string; code: string; location: string | null; next_maintenance_date: string }
export type Sent = { company: string; email: string; file: string | null; problem: string | null }
export type Sending = {
  config: Pick<Config, 'smtpUrl' | 'mailFrom' | 'mailDir' | 'publicUrl'>
  translate: (language: Language) => Translate
  /** One company; null for all. */
  companyId: string | null
  /** Whatever the hour. */
  isAsked: boolean
}

const batch = 20
const shown = 15

/** Sends what is to be sent now. A mail that does not leave is written down and does not hold up the others. */
export async function sendDigests(owner: Owner, { config, translate, companyId, isAsked }: Sending): Promise<Sent[]> {
  const sent: Sent[] = []
  for (;;) {
    const claims = await owner.query<Claim>('SELECT company_id, company_name, day::text, user_id, email, language FROM claim_maintenance_digests($1, $2, $3)', [companyId, isAsked, batch])
    let lines: Line[] = []
    for (const [at, claim] of claims.entries()) {
      if (claims[at - 1]?.company_id !== claim.company_id)
        lines = await owner.query<Line>('SELECT due, total, id, name, code, location, next_maintenance_date::text FROM list_maintenance_digest($1, $2, $3)', [claim.company_id, claim.day, shown])
      const mail = writeDigest(claim, lines, translate(claim.language), config.publicUrl)
      const outcome = await sendMail(config, mail).then(
        (file) => ({ file: file ?? null, problem: null }),
        (error: Error) => ({ file: null, problem: error.message }),
      )
      await owner.query('SELECT finish_maintenance_digest($1, $2, $3, $4)', [claim.company_id, claim.user_id, claim.day, outcome.problem])
      sent.push({ company: claim.company_name, email: claim.email, ...outcome })
    }
    if (claims.length < batch) return sent
  }
}

export function writeDigest(claim: Pick<Claim, 'company_id' | 'company_name' | 'day' | 'email' | 'language'>, lines: Line[], t: Translate, publicUrl: string): Mail {
  const at = `${publicUrl}/c/${claim.company_id}`
  const dayOf = (day: string) => new Intl.DateTimeFormat(claim.language === 'en' ? 'en-GB' : 'es-PE', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${day}T00:00:00Z`))
  const values = { company: claim.company_name, day: dayOf(claim.day) }
  const parts = (['overdue', 'week', 'month'] as const).flatMap((due) => {
    const those = lines.filter((line) => line.due === due)
    const total = those[0]?.total ?? 0
    if (total === 0) return []
    const rows = those.map((line) => {
      const days = Math.round((Date.parse(line.next_maintenance_date) - Date.parse(claim.day)) / 86_400_000)
      const when = days < 0 ? t('digest.over', { count: -days }) : days === 0 ? t('digest.today') : t('digest.left', { count: days })
      return { ...line, when: `${dayOf(line.next_maintenance_date)} (${when})`, place: line.location ? ` · ${line.location}` : '', url: `${at}/equipment/${line.id}` }
    })
    return [{ due, total, title: `${t(`digest.${due}`)}: ${total}`, rows, more: total > rows.length ? t('digest.more', { count: total - rows.length }) : '' }]
  })
  const count = (due: string) => parts.find((part) => part.due === due)?.total ?? 0
  const overdue = count('overdue')
  const subject = overdue > 0 ? t('digest.subject_overdue', { ...values, count: overdue }) : t('digest.subject', { ...values, count: count('week') + count('month') })
  const text = [
    t('digest.intro', values),
    ...parts.map(({ title, rows, more }) => [title, ...rows.map((row) => `- ${row.name} (${row.code})${row.place}\n  ${row.when}\n  ${row.url}`), ...(more ? [more] : [])].join('\n')),
    `${t('digest.board')}: ${at}/maintenance`,
    t('digest.why', values),
  ].join('\n\n')
  const html = [
    `<p>${safe(t('digest.intro', values))}</p>`,
    ...parts.map(
      ({ due, title, rows, more }) =>
        `<h2 style="font-size:1.1em;color:${due === 'overdue' ? '#b42318' : '#1f2937'}">${safe(title)}</h2><ul>${rows
          .map((row) => `<li><a href="${safe(row.url)}">${safe(row.name)}</a> (${safe(row.code)})${safe(row.place)}<br>${safe(row.when)}</li>`)
          .join('')}</ul>${more ? `<p>${safe(more)}</p>` : ''}`,
    ),
    `<p><a href="${safe(`${at}/maintenance`)}">${safe(t('digest.board'))}</a></p><p style="color:#6b7280">${safe(t('digest.why', values))}</p>`,
  ].join('\n')
  return { to: claim.email, subject, text, html: `<!doctype html><html lang="${claim.language}"><body style="font-family:sans-serif">${html}</body></html>` }
}

const safe = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

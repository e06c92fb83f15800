// Checks the audit step by step: every entry against its hash, and the chain against a checkpoint that was kept.
import { Alert, Button, FileButton, Group, Progress, Stack, Text, Textarea } from '@mantine/core'
import { IconAlertTriangle, IconCheck, IconUpload } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { call } from '../../../web/client.ts'
import { Dialog } from '../../../web/dialog.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useCompany } from '../../../web/session.tsx'
import { PageLink } from '../../../web/url.tsx'
import { type AuditCheckpoint, type AuditFault, checkAudit, checkpointKind } from '../contract.ts'

/** Enough to see what happened; the rest is for the command line. */
const shownFaults = 100
/** 'link-20001' has looked at 20,000. */
const doneAt = (at: string) => Number(/^link-(\d+)$/.exec(at)?.[1] ?? 0) - 1

type Check = { state: 'ready' | 'running' | 'stopped' | 'done'; done: number; all: number; faults: AuditFault[]; last: boolean; problem: string | null; since: number | null }
const ready: Check = { state: 'ready', done: 0, all: 0, faults: [], last: false, problem: null, since: null }

/** Runs until the end, a hundred faults, or a stop. */
function useCheck() {
  const { company_id } = useCompany()
  const [check, setCheck] = useState(ready)
  const stop = useRef<AbortController | null>(null)
  useEffect(() => () => stop.current?.abort(), [])
  const start = async (checkpoint: AuditCheckpoint | undefined) => {
    stop.current = new AbortController()
    const { signal } = stop.current
    let now: Check = { ...ready, state: 'running', since: checkpoint?.companies[0]?.position ?? null }
    setCheck(now)
    try {
      for (let after: string | null = null; ; ) {
        const reply: Awaited<ReturnType<typeof call<typeof checkAudit>>> = await call(checkAudit, {
          params: { company_id },
          body: after ? { after } : checkpoint ? { checkpoint } : {},
          signal,
        })
        after = reply.next
        const all = reply.newest?.position ?? 0
        now = { ...now, all, faults: [...now.faults, ...reply.faults], done: after?.startsWith('link-') ? doneAt(after) : all, last: !after?.startsWith('link-') }
        if (!after || now.faults.length >= shownFaults) return setCheck({ ...now, state: 'done' })
        setCheck(now)
      }
    } catch (error) {
      setCheck(signal.aborted ? { ...now, state: now.faults.length ? 'done' : 'stopped' } : { ...now, state: 'ready', problem: (error as Error).message })
    }
  }
  return { check, start, stop: () => stop.current?.abort() }
}

/** Of a file with several companies what is of this one alone is sent. */
function readCheckpoint(text: string, companyId: string): AuditCheckpoint | undefined {
  try {
    const value = JSON.parse(text) as AuditCheckpoint
    if (value.kind !== checkpointKind || !Array.isArray(value.companies)) return undefined
    return { kind: value.kind, made_at: String(value.made_at), companies: value.companies.filter((head) => head.company_id?.toLowerCase() === companyId) }
  } catch {
    return undefined
  }
}

export function CheckDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const { company_id } = useCompany()
  const { check, start, stop } = useCheck()
  const [text, setText] = useState('')
  const [error, setError] = useState<string | null>(null)
  const begin = () => {
    const checkpoint = text.trim() === '' ? undefined : readCheckpoint(text, company_id)
    if (text.trim() !== '' && !checkpoint) return setError(t('history.check_not_one'))
    if (checkpoint?.companies.length === 0) return setError(t('history.check_foreign'))
    setError(null)
    void start(checkpoint)
  }
  const write = (value: string) => {
    setText(value)
    setError(null)
  }
  const running = check.state === 'running'
  return (
    <Dialog opened onClose={onClose} title={t('history.check')} size="lg">
      <Stack>
        <Text size="sm">{t('history.check_text')}</Text>
        <Textarea
          label={t('history.check_paste')}
          description={t('history.check_paste_hint')}
          value={text}
          onChange={(event) => write(event.currentTarget.value)}
          rows={4}
          spellCheck={false}
          classNames={{ input: 'mono' }}
          disabled={running}
          error={error ?? check.problem}
        />
        <Outcome check={check} onLeave={onClose} />
        <Group justify="space-between">
          <FileButton onChange={(file) => void file?.text().then(write)} accept="application/json,.json">
            {(props) => (
              <Button {...props} variant="default" disabled={running} leftSection={<IconUpload size={18} aria-hidden />}>
                {t('history.check_file')}
              </Button>
            )}
          </FileButton>
          {running ? (
            <Button variant="default" onClick={stop}>
              {t('history.check_stop')}
            </Button>
          ) : (
            <Button onClick={begin} leftSection={<IconCheck size={18} aria-hidden />}>
              {t(check.state === 'ready' ? 'history.check_start' : 'history.check_again')}
            </Button>
          )}
        </Group>
      </Stack>
    </Dialog>
  )
}

function Outcome({ check, onLeave }: { check: Check; onLeave: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (check.state === 'ready') return null
  if (check.state === 'running')
    return (
      <div role="status">
        <Text size="sm" mb={4}>
          {check.last ? t('history.check_last') : t('history.check_running', { done: format.number(check.done), all: format.number(check.all) })}
        </Text>
        <Progress value={check.all ? (100 * check.done) / check.all : 0} aria-label={t('history.check')} animated />
      </div>
    )
  if (check.state === 'stopped') return <Text role="status">{t('history.check_stopped')}</Text>
  if (check.faults.length)
    return (
      <Alert role="alert" className="alert-bad" icon={<IconAlertTriangle size={20} aria-hidden />} title={t('history.check_bad', { count: check.faults.length })}>
        <ol className="plain-list fault-list">
          {check.faults.slice(0, shownFaults).map((fault) => (
            <FaultLine key={`${fault.rule} ${fault.position} ${fault.audit_id}`} fault={fault} onLeave={onLeave} />
          ))}
        </ol>
      </Alert>
    )
  return (
    <Alert role="status" color="teal" className="alert-good" icon={<IconCheck size={20} aria-hidden />} title={t('history.check_good', { rows: format.number(check.all) })}>
      {check.since !== null && t('history.check_good_since', { position: format.number(check.since) })}
    </Alert>
  )
}

function FaultLine({ fault, onLeave }: { fault: AuditFault; onLeave: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <li>
      {fault.position !== null && <strong>{t('history.check_at', { position: format.number(fault.position) })}: </strong>}
      {t(`history.fault_${fault.rule}`)}{' '}
      {fault.audit_id && fault.rule !== 'row_missing' && (
        <PageLink to="/history/audit" search={{ record: fault.audit_id }} onClick={onLeave}>
          {t('history.check_entry')}
        </PageLink>
      )}
    </li>
  )
}

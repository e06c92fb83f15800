// What the server does by the clock: when each job ran, how it went, and the button that runs it now.
import { Text, Title } from '@mantine/core'
import { ActionButton } from '../../../web/action.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useAction } from '../../../web/query.ts'
import { ToneBadge } from '../../../web/tone.tsx'
import { type Job, runJob } from '../contract.ts'
import { Facts } from './facts.tsx'

/** A job that this page has no words for is shown by its own name. */
function useJobName(): (name: string) => string {
  const { t, i18n } = useTranslation()
  return (name) => (i18n.exists(`monitoring.job_${name}`) ? t(`monitoring.job_${name}`) : name)
}

export function Jobs({ jobs }: { jobs: Job[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const nameOf = useJobName()
  if (jobs.length === 0) return <Text c="dimmed">{t('monitoring.no_jobs')}</Text>
  const sorted = [...jobs].sort((a, b) => Number(b.error !== null) - Number(a.error !== null) || nameOf(a.name).localeCompare(nameOf(b.name)))
  return (
    <section className="surface" aria-labelledby="jobs">
      <Title order={2} size="h4" id="jobs">
        {t('monitoring.jobs')}
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        {t('monitoring.jobs_text')}
      </Text>
      <Facts
        caption={t('monitoring.jobs')}
        first={30}
        rows={sorted}
        rowKey={(job) => job.name}
        columns={[
          { key: 'job', title: t('monitoring.job'), render: (job) => nameOf(job.name) },
          { key: 'state', title: t('monitoring.state'), render: (job) => <State job={job} /> },
          { key: 'last', title: t('monitoring.last_run'), render: (job) => <LastRun job={job} /> },
          { key: 'next', title: t('monitoring.next_run'), render: (job) => <span className="nowrap">{format.instant(job.next_at)}</span> },
          { key: 'run', title: t('monitoring.run_now'), align: 'right', render: (job) => <RunNow job={job} name={nameOf(job.name)} /> },
        ]}
      />
    </section>
  )
}

function State({ job }: { job: Job }) {
  const { t } = useTranslation()
  const [tone, word] = job.error !== null ? (['bad', 'failing'] as const) : job.is_running ? (['info', 'running'] as const) : job.runs > 0 ? (['ok', 'ok'] as const) : (['idle', 'waiting'] as const)
  return (
    <>
      <ToneBadge tone={tone}>{t(`monitoring.job_${word}`)}</ToneBadge>
      {job.error !== null && (
        <Text size="sm" className="break-words load-error">
          {job.error}
        </Text>
      )}
    </>
  )
}

function LastRun({ job }: { job: Job }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (!job.ended_at) return '–'
  return (
    <>
      {format.instant(job.ended_at)}
      <Text size="xs" c="dimmed">
        {t('monitoring.took', { ms: format.number(job.duration_ms) })} · {t('monitoring.runs', { runs: format.number(job.runs), failures: format.number(job.failures) })}
        {job.error !== null && ` · ${t('monitoring.last_success')}: ${job.succeeded_at ? format.instant(job.succeeded_at) : t('monitoring.never')}`}
      </Text>
    </>
  )
}

function RunNow({ job, name }: { job: Job; name: string }) {
  const { t } = useTranslation()
  const run = useAction(runJob, {
    onDone: (after) =>
      notifyDone(after.is_running ? t('monitoring.still_running', { name }) : after.error === null ? t('monitoring.ran', { name }) : t('monitoring.ran_failed', { name, error: after.error })),
  })
  return (
    <ActionButton op={runJob} size="sm" variant="default" loading={run.isPending} aria-label={t('monitoring.run_now_of', { name })} onClick={() => run.mutate({ params: { job: job.name } })}>
      {t('monitoring.run_now')}
    </ActionButton>
  )
}

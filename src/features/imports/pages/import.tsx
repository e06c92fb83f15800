// A list of machines comes in: choose it, see what it would do, correct how it is read, and import all of it.
import { Alert, Button, FileButton, Group, NumberInput, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck, IconDownload, IconFileSpreadsheet, IconUpload } from '@tabler/icons-react'
import { type DragEvent, useState } from 'react'
import { download } from '../../../web/client.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyProblem } from '../../../web/notify.tsx'
import { Page } from '../../../web/page.tsx'
import { useCompany, useMay } from '../../../web/session.tsx'
import { EmptyState } from '../../../web/states.tsx'
import { PageLink } from '../../../web/url.tsx'
import { exportEquipment, type ImportResult, importEquipment } from '../contract.ts'
import './import.css'
import { type ImportFlow, useImport } from './flow.tsx'
import { MappingTable, ReadingChoices } from './mapping.tsx'
import { PastImports } from './past.tsx'
import { ImportProgress } from './progress.tsx'
import { RowList } from './rows.tsx'

export function ImportPage() {
  const { t } = useTranslation()
  const may = useMay()(importEquipment)
  const flow = useImport()
  const { file, look, done, problem, busy } = flow
  return (
    <Page title={t('imports.title')} subtitle={t('imports.intro')} above={<BackLink />}>
      {may.allowed ? (
        <Stack gap="md" className="import">
          {done ? <Done result={done} again={flow.reset} /> : <Chooser flow={flow} />}
          {busy && <ImportProgress id={flow.progressId} isApply={busy === 'apply'} />}
          {problem && (
            <Alert className="alert-warn" icon={<IconAlertTriangle size={20} aria-hidden />} role="alert" title={look ? undefined : t('imports.no_way')}>
              {problem.message}
              {problem.code === 'import_no_header' && <HeaderRow flow={flow} />}
            </Alert>
          )}
          {file && look && !done && <Preview key={file.name} flow={flow} look={look} />}
          {(done || !file) && <PastImports />}
        </Stack>
      ) : (
        <EmptyState title={t('imports.title')}>{may.reason}</EmptyState>
      )}
    </Page>
  )
}

function BackLink() {
  const { t } = useTranslation()
  return (
    <PageLink to="/equipment" className="up-link">
      ← {t('web.nav_equipment')}
    </PageLink>
  )
}

const accepted = '.csv,.xlsx,.txt,.tsv,text/csv,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

function Chooser({ flow }: { flow: ImportFlow }) {
  const { t } = useTranslation()
  const [isOver, setIsOver] = useState(false)
  const take = (file: File | null | undefined) => {
    if (file) void flow.choose(file)
  }
  const drop = {
    onDragOver: (event: DragEvent) => {
      event.preventDefault()
      setIsOver(true)
    },
    onDragLeave: () => setIsOver(false),
    onDrop: (event: DragEvent) => {
      event.preventDefault()
      setIsOver(false)
      take(event.dataTransfer.files[0])
    },
  }
  const button = (
    <FileButton onChange={take} accept={accepted} inputProps={{ 'aria-label': t('imports.choose') }}>
      {(props) => (
        <Button {...props} variant={flow.file ? 'default' : 'filled'} leftSection={<IconUpload size={18} aria-hidden />} disabled={flow.busy === 'apply'}>
          {t(flow.file ? 'imports.choose_other' : 'imports.choose')}
        </Button>
      )}
    </FileButton>
  )
  if (flow.file)
    return (
      <Group justify="space-between" className="surface" {...drop} data-over={isOver || undefined}>
        <Text className="with-icon break-words">
          <IconFileSpreadsheet size={22} aria-hidden /> <FileLine name={flow.file.name} look={flow.look} />
        </Text>
        {button}
      </Group>
    )
  return (
    <>
      <div className="import-drop" {...drop} data-over={isOver || undefined}>
        <IconFileSpreadsheet size={44} stroke={1.3} aria-hidden />
        <Title order={2} size="h4">
          {t('imports.drop')}
        </Title>
        <Text c="dimmed" ta="center" maw={460}>
          {t('imports.drop_hint')}
        </Text>
        {button}
      </div>
      <Exports />
    </>
  )
}

function FileLine({ name, look }: { name: string; look: ImportResult | null }) {
  const { t } = useTranslation()
  if (!look) return <span>{name}</span>
  return (
    <span>
      {t('imports.file_line', { file: name, count: look.row_count, row: look.header_row })}
      {look.sheet && `, ${t('imports.file_sheet', { sheet: look.sheet })}`}
    </span>
  )
}

function Exports() {
  const { t } = useTranslation()
  const company = useCompany()
  const [busy, setBusy] = useState(false)
  const save = async (format: 'csv' | 'xlsx') => {
    setBusy(true)
    await download(exportEquipment, { params: { company_id: company.company_id }, query: { format } }, `equipment.${format}`).catch(notifyProblem)
    setBusy(false)
  }
  return (
    <Group className="surface" gap="sm" justify="space-between">
      <Text size="sm">{t('imports.take_out')}</Text>
      <Group gap="xs">
        {(['xlsx', 'csv'] as const).map((format) => (
          <Button key={format} variant="default" loading={busy} leftSection={<IconDownload size={16} aria-hidden />} onClick={() => void save(format)}>
            {format === 'xlsx' ? 'Excel (XLSX)' : 'CSV'}
          </Button>
        ))}
      </Group>
    </Group>
  )
}

function HeaderRow({ flow }: { flow: ImportFlow }) {
  const { t } = useTranslation()
  const [row, setRow] = useState<number | string>('')
  return (
    <form
      className="import-header-row"
      onSubmit={(event) => {
        event.preventDefault()
        if (row !== '') flow.answer({ headerRow: Number(row) })
      }}
    >
      <NumberInput label={t('imports.header_row')} value={row} onChange={setRow} min={1} max={60} allowDecimal={false} w={260} />
      <Button type="submit" variant="default">
        {t('web.try_again')}
      </Button>
    </form>
  )
}

function Preview({ flow, look }: { flow: ImportFlow; look: ImportResult }) {
  const { t } = useTranslation()
  return (
    <div className="import-preview" aria-busy={flow.busy !== null}>
      {look.questions.length > 0 && (
        <Alert className="alert-info" title={t('imports.questions')} role="status">
          <ul className="import-questions">
            {look.questions.map((question) => (
              <li key={question.detail}>{question.detail}</li>
            ))}
          </ul>
        </Alert>
      )}
      <ReadingChoices flow={flow} />
      <RowList look={look} apply={<Apply flow={flow} look={look} />} />
      <MappingTable flow={flow} look={look} />
    </div>
  )
}

function Apply({ flow, look }: { flow: ImportFlow; look: ImportResult }) {
  const { t } = useTranslation()
  const count = look.created_count + look.updated_count
  const reason = look.error_count > 0 ? t('imports.fix_errors') : count === 0 ? t('imports.nothing_new') : undefined
  return (
    <div className="import-apply">
      <Button size="md" loading={flow.busy !== null} disabled={reason !== undefined} aria-describedby={reason ? 'import-reason' : undefined} onClick={() => void flow.apply()}>
        {t('imports.apply_count', { count })}
      </Button>
      {reason && (
        <Text id="import-reason" size="sm" c="dimmed">
          {reason}
        </Text>
      )}
    </div>
  )
}

function Done({ result, again }: { result: ImportResult; again: () => void }) {
  const { t } = useTranslation()
  return (
    <div className="surface import-done" role="status">
      <span className="tone-ok import-done-icon">
        <IconCircleCheck size={30} aria-hidden />
      </span>
      <div className="grow">
        <Title order={2} size="h3">
          {t('imports.applied_title')}
        </Title>
        <Text>{t('imports.applied_text', { created: result.created_count, updated: result.updated_count, unchanged: result.unchanged_count })}</Text>
        <Text size="sm" c="dimmed" className="break-words">
          {result.file_name}
        </Text>
      </div>
      <Group gap="xs">
        <Button component={PageLink} to="/equipment" search={{ sort: '-updated_at' }}>
          {t('imports.see_machines')}
        </Button>
        <Button variant="default" onClick={again}>
          {t('imports.another')}
        </Button>
      </Group>
    </div>
  )
}

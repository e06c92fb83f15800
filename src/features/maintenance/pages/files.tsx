// The photos and invoices of a record: seen, added from the device or its camera, saved, taken away and put back.
import { ActionIcon, Alert, Button, Group, Progress, Stack, Text, VisuallyHidden } from '@mantine/core'
import { IconAlertTriangle, IconCamera, IconDownload, IconFileTypePdf, IconPaperclip, IconPhoto, IconTrash } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { type ChangeEvent, useRef, useState } from 'react'
import { download, ProblemError, uploadForm, urlOf } from '../../../web/client.ts'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyProblem } from '../../../web/notify.tsx'
import { usePhone } from '../../../web/phone.ts'
import { useAction, useRead } from '../../../web/query.ts'
import { useCompany, useMay } from '../../../web/session.tsx'
import { ErrorState, LoadingState } from '../../../web/states.tsx'
import { addFile, fileLimits, getFile, listFiles, type MaintenanceFile, removeFile, restoreFile } from '../contract.ts'
import { useWorkTitle } from './marks.tsx'
import { smaller } from './photo.tsx'
import type { Work } from './work.ts'

const accepted = 'image/jpeg,image/png,image/webp,image/heic,application/pdf'

export function FilesPanel({ work, onClose }: { work: Work; onClose: () => void }) {
  const { t } = useTranslation()
  const title = useWorkTitle()
  const files = useRead(listFiles, { params: { maintenance_id: work.id } })
  return (
    <Stack>
      <Text fw={600}>{title(work)}</Text>
      {files.error && !files.data ? <ErrorState error={files.error} retry={files.refetch} /> : !files.data ? <LoadingState /> : <Files work={work} items={files.data.items} />}
      <Adding work={work} />
      <Group justify="flex-end" className="form-buttons">
        <Button variant="default" onClick={onClose}>
          {t('web.close')}
        </Button>
      </Group>
    </Stack>
  )
}

function Files({ work, items }: { work: Work; items: MaintenanceFile[] }) {
  const { t } = useTranslation()
  const [removed, setRemoved] = useState<MaintenanceFile | null>(null)
  const restore = useAction(restoreFile, { onDone: () => setRemoved(null) })
  return (
    <>
      {items.length === 0 && <p className="quiet-note">{t('maintenance.files_none')}</p>}
      <ul className="plain-list">
        {items.map((file) => (
          <li key={file.id}>
            <Line work={work} file={file} onRemoved={() => setRemoved(file)} />
          </li>
        ))}
      </ul>
      {removed && (
        <Group justify="space-between" role="status">
          <Text size="sm">{t('maintenance.file_removed', { name: removed.name })}</Text>
          <Button variant="default" size="compact-md" loading={restore.isPending} onClick={() => restore.mutate({ params: { maintenance_id: work.id, file_id: removed.id } })}>
            {t('maintenance.file_restore')}
          </Button>
        </Group>
      )}
    </>
  )
}

const frame = { width: 56, height: 56, flex: 'none', objectFit: 'cover', borderRadius: 6, display: 'grid', placeItems: 'center' } as const

function Line({ work, file, onRemoved }: { work: Work; file: MaintenanceFile; onRemoved: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { company_id } = useCompany()
  const may = useMay()
  const input = { params: { company_id, maintenance_id: work.id, file_id: file.id } }
  const remove = useAction(removeFile, { onDone: onRemoved })
  const isShown = file.kind !== 'pdf' && file.kind !== 'heic'
  return (
    <Group wrap="nowrap" align="center" py={6}>
      {isShown ? (
        <img src={urlOf(getFile, input)} alt="" loading="lazy" style={frame} />
      ) : (
        <span style={frame} className="dimmed">
          {file.kind === 'pdf' ? <IconFileTypePdf size={36} stroke={1.3} aria-hidden /> : <IconPhoto size={36} stroke={1.3} aria-hidden />}
        </span>
      )}
      <div style={{ flex: 1, minWidth: 0 }}>
        <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
          {file.name}
        </Text>
        <Text size="sm" c="dimmed">
          {[sizeOf(file.size_bytes, format.number), format.instant(file.created_at), file.created_by_name].filter(Boolean).join(' · ')}
        </Text>
      </div>
      <ActionIcon variant="default" size="lg" aria-label={t('maintenance.file_save', { name: file.name })} onClick={() => download(getFile, input, file.name).catch(notifyProblem)}>
        <IconDownload size={18} aria-hidden />
      </ActionIcon>
      {may(removeFile).allowed && (
        <ActionIcon
          variant="default"
          size="lg"
          loading={remove.isPending}
          aria-label={t('maintenance.file_remove', { name: file.name })}
          onClick={() => remove.mutate({ params: { maintenance_id: work.id, file_id: file.id } })}
        >
          <IconTrash size={18} aria-hidden />
        </ActionIcon>
      )}
    </Group>
  )
}

const sizeOf = (bytes: number, number: (value: number) => string) => (bytes >= 100_000 ? `${number(Math.round(bytes / 104_857.6) / 10)} MB` : `${number(Math.max(1, Math.round(bytes / 1024)))} KB`)

type Sending = { name: string; share: number }

/** Sends one file after the other; what is refused says why and stays while the others go on. */
function useSending(work: Work) {
  const { t } = useTranslation()
  const { company_id } = useCompany()
  const queries = useQueryClient()
  const [sending, setSending] = useState<Sending | null>(null)
  const [refused, setRefused] = useState<{ name: string; why: string }[]>([])
  const send = async (chosen: File[]) => {
    setRefused([])
    for (const one of chosen) {
      setSending({ name: one.name, share: 0 })
      try {
        const file = await smaller(one)
        if (file.size > fileLimits.bytes) throw new Error(t('problems.mf_size_range'))
        await uploadForm(addFile, file, { params: { company_id, maintenance_id: work.id }, onProgress: (share) => setSending({ name: one.name, share }) })
      } catch (error) {
        const why = error instanceof ProblemError || error instanceof Error ? error.message : String(error)
        setRefused((others) => [...others, { name: one.name, why }])
      }
      await queries.invalidateQueries()
    }
    setSending(null)
  }
  return { sending, refused, send }
}

function Adding({ work }: { work: Work }) {
  const { t } = useTranslation()
  const phone = usePhone() ?? false
  const may = useMay()(addFile)
  const { sending, refused, send } = useSending(work)
  const picker = useRef<HTMLInputElement>(null)
  const camera = useRef<HTMLInputElement>(null)
  const take = (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = [...(event.currentTarget.files ?? [])]
    event.currentTarget.value = ''
    void send(chosen)
  }
  if (!may.allowed) return null
  return (
    <Stack gap="xs">
      {refused.map(({ name, why }) => (
        <Alert key={name} color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} role="alert" className="alert-bad">
          <b>{name}</b>: {why}
        </Alert>
      ))}
      {sending && (
        <div role="status">
          <Text size="sm">{t('maintenance.file_sending', { name: sending.name })}</Text>
          <Progress.Root size="lg">
            <Progress.Section value={Math.max(4, sending.share * 100)} aria-label={t('maintenance.file_sending', { name: sending.name })} />
          </Progress.Root>
        </div>
      )}
      <Group>
        <Button leftSection={<IconPaperclip size={18} aria-hidden />} disabled={sending !== null} onClick={() => picker.current?.click()}>
          {t('maintenance.files_add')}
        </Button>
        {phone && (
          <Button variant="default" leftSection={<IconCamera size={18} aria-hidden />} disabled={sending !== null} onClick={() => camera.current?.click()}>
            {t('maintenance.photo_take')}
          </Button>
        )}
      </Group>
      <Text size="sm" c="dimmed">
        {t('maintenance.files_hint')}
      </Text>
      <VisuallyHidden>
        <input ref={picker} type="file" multiple accept={accepted} tabIndex={-1} aria-label={t('maintenance.files_add')} onChange={take} />
        <input ref={camera} type="file" accept="image/*" capture="environment" tabIndex={-1} aria-label={t('maintenance.photo_take')} onChange={take} />
      </VisuallyHidden>
    </Stack>
  )
}

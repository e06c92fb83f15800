// A value that is stored encrypted: dots for everyone, shown for a minute to who may, changed in a dialog.
import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { IconEye, IconEyeOff, IconInfoCircle, IconPencil } from '@tabler/icons-react'
import { useEffect, useId, useState } from 'react'
import type { Operation } from '../plain/operation.ts'
import { ActionButton } from './action.tsx'
import { Dialog } from './dialog.tsx'
import { FormBody, useSaveForm } from './form.tsx'
import { useTranslation } from './i18n.ts'
import { notifyDone, notifyProblem } from './notify.tsx'

type HiddenProps = {
  label: string
  /** Dots, or null where nothing is stored. */
  mask: string | null
  hint: string
  none: string
  /** The operations, for who may not: the buttons then say why. */
  showing: Pick<Operation, 'who'>
  changing: Pick<Operation, 'who'>
  reveal: () => Promise<string>
  onChange: () => void
}

const shownMs = 60_000

export function HiddenValue({ label, mask, hint, none, showing, changing, reveal, onChange }: HiddenProps) {
  const { t } = useTranslation()
  const id = useId()
  const [value, setValue] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    if (value === null) return
    const timer = setTimeout(() => setValue(null), shownMs)
    return () => clearTimeout(timer)
  }, [value])
  const show = () => {
    setBusy(true)
    reveal()
      .then(setValue, notifyProblem)
      .finally(() => setBusy(false))
  }
  return (
    <Stack gap={6} role="group" aria-labelledby={id}>
      <Text size="sm" fw={600} id={id}>
        {label}
      </Text>
      <Group gap="sm">
        <Text className="mono" role="status">
          {value ?? mask ?? none}
        </Text>
        {value !== null && (
          <Button variant="default" size="xs" leftSection={<IconEyeOff size={16} aria-hidden />} onClick={() => setValue(null)}>
            {t('web.hide')}
          </Button>
        )}
        {value === null && mask !== null && (
          <ActionButton op={showing} variant="default" size="xs" loading={busy} leftSection={<IconEye size={16} aria-hidden />} onClick={show}>
            {t('web.reveal')}
          </ActionButton>
        )}
        <ActionButton op={changing} variant="default" size="xs" leftSection={<IconPencil size={16} aria-hidden />} onClick={onChange}>
          {t(mask === null ? 'web.enter' : 'web.change')}
        </ActionButton>
      </Group>
      <Text size="xs" c="dimmed">
        {hint}
      </Text>
    </Stack>
  )
}

type HiddenDialogProps = {
  title: string
  label: string
  hint: string
  /** The name of the field in the operation, where the server's refusals belong. */
  field: string
  version: number
  saved: string
  /** A sentence about what was typed that is worth a second look; it refuses nothing. */
  doubt: (value: string) => string | undefined
  save: (value: string | null, version: number | undefined) => Promise<unknown>
  reload: () => Promise<number>
  onClose: () => void
}

/** Writes a new value; left empty it erases what is stored. */
export function HiddenDialog({ title, label, hint, field, version, saved, doubt, save, reload, onClose }: HiddenDialogProps) {
  const { t } = useTranslation()
  const state = useSaveForm<Record<string, string>, unknown>({
    initial: { [field]: '' },
    version,
    save: (values, at) => save(values[field]?.trim() || null, at),
    reload: async () => ({ values: { [field]: '' }, version: await reload() }),
    onSaved: () => {
      notifyDone(saved)
      onClose()
    },
  })
  const warning = doubt(state.form.values[field] ?? '')
  return (
    <Dialog opened onClose={onClose} title={title}>
      <FormBody state={state} submitLabel={t('web.save')} onCancel={onClose} labels={{ [field]: label }} show={() => '••••••••'}>
        <TextInput label={label} description={hint} maxLength={50} autoComplete="off" data-autofocus classNames={{ input: 'mono' }} {...state.form.getInputProps(field)} />
        <div role="status">
          {warning && (
            <Alert icon={<IconInfoCircle aria-hidden />} className="alert-warn">
              {warning}
            </Alert>
          )}
        </div>
      </FormBody>
    </Dialog>
  )
}

// The specification fields of a form: what the category asks for, and whatever else is worth writing down.
import { ActionIcon, Button, Group, NativeSelect, Text, TextInput } from '@mantine/core'
import { IconPlus, IconX } from '@tabler/icons-react'
import { useRef, useState } from 'react'
import type { SaveForm } from '../../../web/form.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import type { Category, SpecificationField } from '../../categories/contract.ts'
import type { MachineValues } from './fields.ts'
import { inheritedFrom, keyOfLabel, labelOfKey, templateOf } from './values.tsx'

type Form = SaveForm<MachineValues>['form']

export function SpecificationFields({ form, categories }: { form: Form; categories: readonly Category[] }) {
  const { t } = useTranslation()
  const template = templateOf(categories, form.values.category_id)
  const known = new Set(template.map((field) => field.key))
  const extra = Object.keys(form.values.specifications).filter((key) => !known.has(key))
  const set = (key: string, value: unknown) => {
    form.clearFieldError(`specifications.${key}`)
    const { [key]: _, ...others } = form.values.specifications
    form.setFieldValue('specifications', value === undefined ? others : { ...form.values.specifications, [key]: value })
  }
  return (
    <>
      {template.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('machine.template_none')}
        </Text>
      )}
      {template.length > 0 && (
        <div className="fields-grid">
          {template.map((field) => (
            <Field
              key={field.key}
              field={field}
              from={inheritedFrom(categories, form.values.category_id, field.key)?.name}
              value={form.values.specifications[field.key]}
              error={form.errors[`specifications.${field.key}`]}
              onChange={(value) => set(field.key, value)}
            />
          ))}
        </div>
      )}
      {extra.length > 0 && (
        <div className="fields-grid">
          {extra.map((key) => (
            <Group key={key} gap={4} align="flex-end" wrap="nowrap">
              <ExtraField name={key} value={form.values.specifications[key]} onChange={(value) => set(key, value)} />
              <ActionIcon variant="subtle" color="gray" className="quiet field-button" aria-label={t('machine.extra_remove', { name: labelOfKey(key) })} onClick={() => set(key, undefined)}>
                <IconX size={18} />
              </ActionIcon>
            </Group>
          ))}
        </div>
      )}
      <AddExtra taken={[...known, ...extra]} onAdd={(key) => set(key, '')} />
    </>
  )
}

type FieldProps = { field: SpecificationField; from: string | undefined; value: unknown; error: React.ReactNode; onChange: (value: unknown) => void }

function Field({ field, from, value, error, onChange }: FieldProps) {
  const { t } = useTranslation()
  const common = {
    label: field.unit ? `${field.label} (${field.unit})` : field.label,
    required: field.required ?? false,
    error,
    ...(from === undefined ? {} : { description: t('machine.field_from', { category: from }) }),
  }
  const text = value === undefined || value === null ? '' : String(value)
  if (field.type === 'boolean') {
    const data = [
      { value: '', label: t('machine.not_known') },
      { value: 'true', label: t('web.yes') },
      { value: 'false', label: t('web.no') },
    ]
    return <NativeSelect {...common} data={data} value={text} onChange={(event) => onChange(event.currentTarget.value === '' ? undefined : event.currentTarget.value === 'true')} />
  }
  if (field.type === 'choice') {
    const choices = [...new Set(['', ...(field.choices ?? []), text])]
    return (
      <NativeSelect
        {...common}
        data={choices.map((choice) => ({ value: choice, label: choice || t('machine.not_known') }))}
        value={text}
        onChange={(event) => onChange(event.currentTarget.value || undefined)}
      />
    )
  }
  if (field.type === 'number') return <NumberField {...common} value={value} onChange={onChange} />
  return <TextInput {...common} type={field.type === 'date' ? 'date' : 'text'} maxLength={500} value={text} onChange={(event) => onChange(event.currentTarget.value || undefined)} />
}

/** Keeps what is typed as it is typed ("1." on the way to "1.5"); the value is a number as soon as it reads as one. */
function NumberField({ value, onChange, ...rest }: { label: string; description?: string; required?: boolean; error: React.ReactNode; value: unknown; onChange: (value: unknown) => void }) {
  const [typed, setTyped] = useState(value === undefined || value === null ? '' : String(value))
  const change = (text: string) => {
    setTyped(text)
    const number = /^-?\d{1,15}([.,]\d{1,6})?$/.test(text.trim()) ? Number(text.trim().replace(',', '.')) : text.trim()
    onChange(number === '' ? undefined : number)
  }
  return <TextInput {...rest} inputMode="decimal" value={typed} onChange={(event) => change(event.currentTarget.value)} />
}

function ExtraField({ name, value, onChange }: { name: string; value: unknown; onChange: (value: unknown) => void }) {
  const { t } = useTranslation()
  const isPlain = value === null || typeof value !== 'object'
  const shown = typeof value === 'boolean' ? t(value ? 'web.yes' : 'web.no') : isPlain ? String(value ?? '') : JSON.stringify(value)
  if (typeof value === 'number') return <NumberField label={labelOfKey(name)} error={null} value={value} onChange={(next) => onChange(next ?? '')} />
  return <TextInput label={labelOfKey(name)} className="spacer" maxLength={500} value={shown} readOnly={!isPlain} onChange={(event) => onChange(event.currentTarget.value)} />
}

/** A name becomes a new field; its value is written there. */
function AddExtra({ taken, onAdd }: { taken: string[]; onAdd: (key: string) => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState('')
  const [error, setError] = useState<string | null>(null)
  const place = useRef<HTMLDivElement>(null)
  const add = () => {
    const key = keyOfLabel(name)
    if (!key) return setError(t('machine.extra_name_needed'))
    if (taken.includes(key)) return setError(t('machine.extra_taken'))
    onAdd(key)
    setName('')
    setTimeout(() => (place.current?.previousElementSibling?.querySelector('div:last-of-type input') as HTMLElement | null)?.focus(), 30)
  }
  return (
    <Group ref={place} gap="xs" align="flex-end">
      <TextInput
        label={t('machine.extra_add_label')}
        placeholder={t('machine.extra_example')}
        maxLength={50}
        value={name}
        error={error}
        onChange={(event) => {
          setName(event.currentTarget.value)
          setError(null)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            event.preventDefault()
            add()
          }
        }}
      />
      <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={add}>
        {t('machine.extra_add')}
      </Button>
    </Group>
  )
}

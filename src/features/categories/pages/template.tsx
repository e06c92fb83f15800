// The editor of a category's own specification fields, with those it inherits above them.
import { ActionIcon, Button, Checkbox, Group, Select, Stack, TagsInput, Text, TextInput, Tooltip } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from '@tabler/icons-react'
import { useTranslation } from '../../../web/i18n.ts'
import type { SpecificationField } from '../contract.ts'
import { type FieldOrigin, keyFor } from './branches.ts'
import { FieldTable } from './fields.tsx'

const types = ['text', 'number', 'boolean', 'choice', 'date'] as const
/** A field being written; `saved` ones keep their key, since machines hold values under it. */
export type FieldDraft = { id: string; key: string; label: string; type: SpecificationField['type']; unit: string; required: boolean; choices: string[]; saved: boolean }

export const draftOf = (field: SpecificationField): FieldDraft => ({
  id: field.key,
  key: field.key,
  label: field.label,
  type: field.type,
  unit: field.unit ?? '',
  required: field.required ?? false,
  choices: field.choices ?? [],
  saved: true,
})
export const fieldOf = (draft: FieldDraft): SpecificationField => ({
  key: draft.key,
  label: draft.label.trim(),
  type: draft.type,
  ...(draft.type === 'number' && draft.unit.trim() ? { unit: draft.unit.trim() } : {}),
  ...(draft.required ? { required: true } : {}),
  ...(draft.type === 'choice' ? { choices: draft.choices } : {}),
})

type Values = { specification_template: FieldDraft[] }

export function TemplateEditor<V extends Values>({ form: given, inherited }: { form: UseFormReturnType<V>; inherited: FieldOrigin[] }) {
  const { t } = useTranslation()
  const form = given as unknown as UseFormReturnType<Values>
  const fields = form.values.specification_template
  const add = () => {
    const taken = [...inherited.map(({ field }) => field.key), ...fields.map((field) => field.key)]
    form.insertListItem('specification_template', { id: `new ${Date.now()}`, key: keyFor('', taken), label: '', type: 'text', unit: '', required: false, choices: [], saved: false })
    setTimeout(() => document.querySelector<HTMLElement>('.template-fields > li:last-child input')?.focus(), 30)
  }
  return (
    <Stack>
      {inherited.length > 0 && <Inherited fields={inherited} />}
      {fields.length > 0 && (
        <ol className="template-fields">
          {fields.map((field, at) => (
            <FieldEditor
              key={field.id}
              form={form}
              at={at}
              count={fields.length}
              taken={[...inherited.map((other) => other.field.key), ...fields.filter((_, place) => place !== at).map((other) => other.key)]}
            />
          ))}
        </ol>
      )}
      <Group>
        <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={add} disabled={fields.length >= 60}>
          {t('categories.field_add')}
        </Button>
      </Group>
    </Stack>
  )
}

function Inherited({ fields }: { fields: FieldOrigin[] }) {
  const { t } = useTranslation()
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {t('categories.inherited')}
      </Text>
      <FieldTable label={t('categories.inherited')} fields={fields} />
    </div>
  )
}

type FieldProps = { form: UseFormReturnType<Values>; at: number; count: number; taken: string[] }

function FieldEditor({ form, at, count, taken }: FieldProps) {
  const { t } = useTranslation()
  const path = `specification_template.${at}` as const
  const field = form.values.specification_template[at]
  if (!field) return null
  const nameKey = () => {
    if (!field.saved && field.label.trim()) form.setFieldValue(`${path}.key`, keyFor(field.label, taken))
  }
  return (
    <li>
      <fieldset className="template-field">
        <legend className="visually-hidden">{field.label || t('categories.field_new')}</legend>
        <div className="template-inputs">
          <TextInput
            label={t('categories.field_label')}
            required
            maxLength={100}
            autoComplete="off"
            description={<span className="mono">{field.saved ? field.key : field.label.trim() ? keyFor(field.label, taken) : t('categories.field_key_hint')}</span>}
            {...form.getInputProps(`${path}.label`)}
            onBlur={nameKey}
          />
          <Select label={t('categories.field_type')} data={types.map((value) => ({ value, label: t(`categories.type_${value}`) }))} allowDeselect={false} {...form.getInputProps(`${path}.type`)} />
          {field.type === 'number' && <TextInput label={t('categories.field_unit')} placeholder="m³, kW, t" maxLength={20} {...form.getInputProps(`${path}.unit`)} />}
          {field.type === 'choice' && (
            <TagsInput
              className="template-choices"
              label={t('categories.field_choices')}
              placeholder={field.choices.length ? '' : t('categories.field_choices_hint')}
              maxTags={100}
              acceptValueOnBlur
              {...form.getInputProps(`${path}.choices`)}
            />
          )}
          <Checkbox label={t('categories.required')} className="template-required" {...form.getInputProps(`${path}.required`, { type: 'checkbox' })} />
        </div>
        <FieldTools form={form} at={at} count={count} name={field.label || t('categories.field_new')} />
      </fieldset>
    </li>
  )
}

function FieldTools({ form, at, count, name }: { form: UseFormReturnType<Values>; at: number; count: number; name: string }) {
  const { t } = useTranslation()
  const move = (to: number) => form.reorderListItem('specification_template', { from: at, to })
  const tools = [
    { label: t('categories.field_up', { name }), icon: IconArrowUp, run: () => move(at - 1), off: at === 0 },
    { label: t('categories.field_down', { name }), icon: IconArrowDown, run: () => move(at + 1), off: at === count - 1 },
    { label: t('categories.field_remove', { name }), icon: IconTrash, run: () => form.removeListItem('specification_template', at), off: false },
  ]
  return (
    <Group gap={4} wrap="nowrap" className="template-tools">
      {tools.map(({ label, icon: ToolIcon, run, off }) => (
        <Tooltip key={label} label={label}>
          <ActionIcon variant="subtle" color="gray" className="quiet" size="lg" aria-label={label} disabled={off} onClick={run}>
            <ToolIcon size={18} />
          </ActionIcon>
        </Tooltip>
      ))}
    </Group>
  )
}

// Adding a category and changing one: name, codes, interval, and its specification fields.
import { NumberInput, Select, Text, Textarea, TextInput, Title } from '@mantine/core'
import type { FormErrors } from '@mantine/form'
import { useParams } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { FormBody, type SaveForm, useSaveForm } from '../../../web/form.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { Page } from '../../../web/page.tsx'
import { useCall, useRead } from '../../../web/query.ts'
import { useMay } from '../../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { PageLink, useGo, useUrl } from '../../../web/url.tsx'
import { type Category, changeCategory, createCategory, getCategory, listCategories } from '../contract.ts'
import { ancestors, type FieldOrigin, fieldOrigins } from './branches.ts'
import { describeField } from './fields.tsx'
import { draftOf, type FieldDraft, fieldOf, TemplateEditor } from './template.tsx'

type Draft = { name: string; description: string; type_code: string; maintenance_interval_days: number | string; specification_template: FieldDraft[] }

const draftFrom = (category: Pick<Category, 'name' | 'description' | 'type_code' | 'maintenance_interval_days' | 'specification_template'>): Draft => ({
  name: category.name,
  description: category.description ?? '',
  type_code: category.type_code ?? '',
  maintenance_interval_days: category.maintenance_interval_days ?? '',
  specification_template: category.specification_template.map(draftOf),
})
const bodyFrom = (draft: Draft) => ({
  name: draft.name.trim(),
  description: draft.description.trim() || null,
  type_code: draft.type_code.trim().toUpperCase() || null,
  maintenance_interval_days: draft.maintenance_interval_days === '' ? null : Number(draft.maintenance_interval_days),
  specification_template: draft.specification_template.map(fieldOf),
})

export function NewCategoryPage() {
  const { t } = useTranslation()
  const [search] = useUrl()
  const tree = useRead(listCategories, {})
  const may = useMay()(createCategory)
  if (!may.allowed)
    return (
      <Page title={t('categories.add')}>
        <EmptyState title={t('categories.add')}>{may.reason}</EmptyState>
      </Page>
    )
  if (tree.error && !tree.data) return <ErrorState error={tree.error} retry={tree.refetch} />
  if (!tree.data) return <LoadingState />
  return (
    <Page title={t('categories.add')} above={<BackLink category={search.below} />}>
      <NewForm rows={tree.data.items} below={search.below ?? null} />
    </Page>
  )
}

export function EditCategoryPage() {
  const { t } = useTranslation()
  const { categoryId = '' } = useParams({ strict: false }) as { categoryId?: string }
  const tree = useRead(listCategories, {})
  const may = useMay()(changeCategory)
  const category = tree.data?.items.find((row) => row.id === categoryId)
  if (tree.error && !tree.data) return <ErrorState error={tree.error} retry={tree.refetch} />
  if (!tree.data) return <LoadingState />
  const title = t('categories.edit_title', { name: category?.name ?? '' })
  if (!category)
    return (
      <Page title={t('web.nav_categories')}>
        <EmptyState title={t('categories.gone_title')}>{t('categories.gone_text')}</EmptyState>
      </Page>
    )
  if (!may.allowed)
    return (
      <Page title={title}>
        <EmptyState title={category.name}>{may.reason}</EmptyState>
      </Page>
    )
  return (
    <Page title={title} above={<BackLink category={category.id} />}>
      <EditForm key={category.id} category={category} rows={tree.data.items} />
    </Page>
  )
}

function BackLink({ category }: { category: string | undefined }) {
  const { t } = useTranslation()
  return (
    <PageLink to="/categories" search={{ category }} className="up-link">
      ← {t('web.nav_categories')}
    </PageLink>
  )
}

function NewForm({ rows, below }: { rows: readonly Category[]; below: string | null }) {
  const { t } = useTranslation()
  const send = useCall()
  const go = useGo()
  const validate = useValidate()
  const state = useSaveForm({
    initial: {
      ...draftFrom({ name: '', description: null, type_code: null, maintenance_interval_days: null, specification_template: [] }),
      parent_id: rows.some((row) => row.id === below) ? (below ?? '') : '',
    },
    validate,
    save: ({ parent_id, ...draft }) => send(createCategory, { body: { ...bodyFrom(draft), parent_id: parent_id || null } }),
    onSaved: (saved) => {
      notifyDone(t('categories.added', { name: saved.name }))
      go('/categories', { search: { category: saved.id }, replace: true })
    },
  })
  const parent = rows.find((row) => row.id === state.form.values.parent_id)
  const names = rows.map((row) => ({ value: row.id, label: [...ancestors(rows, row), row].map((step) => step.name).join(' / ') }))
  return (
    <FormBody state={state} submitLabel={t('categories.add')} onCancel={() => go('/categories', { search: { category: below ?? undefined } })} guard>
      <Fields
        state={state as unknown as SaveForm<Draft>}
        inherited={parent ? fieldOrigins(rows, parent) : []}
        first={
          <Select
            label={t('categories.parent')}
            description={t('categories.parent_hint')}
            data={names}
            searchable
            clearable
            placeholder={t('categories.top')}
            nothingFoundMessage={t('categories.find_nothing')}
            {...state.form.getInputProps('parent_id')}
            value={state.form.values.parent_id || null}
            onChange={(id) => state.form.setFieldValue('parent_id', id ?? '')}
          />
        }
      />
    </FormBody>
  )
}

function EditForm({ category, rows }: { category: Category; rows: readonly Category[] }) {
  const { t } = useTranslation()
  const send = useCall()
  const go = useGo()
  const validate = useValidate()
  const params = { category_id: category.id }
  const back = () => go('/categories', { search: { category: category.id }, replace: true })
  const state = useSaveForm({
    initial: draftFrom(category),
    version: category.version,
    validate,
    save: (draft: Draft, version) => send(changeCategory, { params, body: bodyFrom(draft), ...(version === undefined ? {} : { version }) }),
    reload: async () => {
      const now = await send(getCategory, { params })
      return { values: draftFrom(now), version: now.version }
    },
    onSaved: () => {
      notifyDone(t('categories.saved', { name: state.form.values.name }))
      back()
    },
  })
  const labels = {
    name: t('categories.name'),
    description: t('categories.description'),
    type_code: t('categories.type_code'),
    maintenance_interval_days: t('categories.interval'),
    specification_template: t('categories.template'),
  }
  const show = (_: string, value: unknown) =>
    Array.isArray(value) ? (value as FieldDraft[]).map((field) => `${field.label} (${describeField(fieldOf(field), t)})`).join('\n') || '–' : String(value ?? '') || '–'
  return (
    <FormBody state={state} submitLabel={t('web.save')} onCancel={back} labels={labels} show={show} guard>
      <Fields state={state} inherited={fieldOrigins(rows, category).filter(({ origin }) => origin.id !== category.id)} />
    </FormBody>
  )
}

function Fields({ state, inherited, first }: { state: SaveForm<Draft>; inherited: FieldOrigin[]; first?: ReactNode }) {
  const { t } = useTranslation()
  const { form } = state
  return (
    <>
      <section className="surface">
        <div className="fields-grid">
          <TextInput label={t('categories.name')} required maxLength={100} autoComplete="off" {...form.getInputProps('name')} />
          {first}
          <TextInput label={t('categories.type_code')} description={t('categories.type_code_hint')} maxLength={2} autoComplete="off" className="upper" {...form.getInputProps('type_code')} />
          <NumberInput
            label={t('categories.interval')}
            description={t('categories.interval_hint')}
            suffix={` ${t('categories.days_suffix')}`}
            min={1}
            max={3650}
            allowDecimal={false}
            allowNegative={false}
            clampBehavior="none"
            hideControls
            {...form.getInputProps('maintenance_interval_days')}
          />
        </div>
        <Textarea mt="md" label={t('categories.description')} autosize minRows={2} maxLength={4000} {...form.getInputProps('description')} />
      </section>
      <section className="surface">
        <Title order={2}>{t('categories.template')}</Title>
        <Text size="sm" c="dimmed" mb="md">
          {t('categories.template_hint')}
        </Text>
        <TemplateEditor form={form} inherited={inherited} />
      </section>
    </>
  )
}

function useValidate(): (draft: Draft) => FormErrors {
  const { t } = useTranslation()
  return (draft) => {
    const errors: FormErrors = {}
    if (draft.name.trim() === '') errors.name = t('categories.need_name')
    if (draft.type_code.trim() !== '' && !/^[A-Z]{2}$/i.test(draft.type_code.trim())) errors.type_code = t('categories.need_type_code')
    const days = draft.maintenance_interval_days
    if (days !== '' && !(Number(days) >= 1 && Number(days) <= 3650)) errors.maintenance_interval_days = t('categories.need_interval')
    draft.specification_template.forEach((field, at) => {
      if (field.label.trim() === '') errors[`specification_template.${at}.label`] = t('categories.field_label_needed')
      if (field.type === 'choice' && field.choices.length === 0) errors[`specification_template.${at}.choices`] = t('categories.field_choices_needed')
    })
    return errors
  }
}

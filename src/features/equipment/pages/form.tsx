// Registering a machine and changing one: ownership decides what is required, the category which specifications there are.
import { Group, NativeSelect, Radio, Select, TagsInput, Text, Textarea, TextInput, Title } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { type ReactNode, useMemo } from 'react'
import { FormBody, type SaveForm, useSaveForm } from '../../../web/form.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { BackLink, Page } from '../../../web/page.tsx'
import { useCall, useRead } from '../../../web/query.ts'
import { useCompany, useMay } from '../../../web/session.tsx'
import { ErrorState, LoadingState } from '../../../web/states.tsx'
import { useGo } from '../../../web/url.tsx'
import { type Category, listCategories } from '../../categories/contract.ts'
import { changeEquipment, createEquipment, type Equipment, getEquipment, maintenanceRules, ownerships } from '../contract.ts'
import { changeOf, emptyMachine, faultsOf, inputOf, type MachineValues, readAmount, valuesOf, writeAmount } from './fields.ts'
import { SpecificationFields } from './specifications.tsx'
import { fullName } from './status.tsx'
import { templateOf, useShow } from './values.tsx'

export function NewMachinePage() {
  const { t } = useTranslation()
  const may = useMay()(createEquipment)
  const { data: categories, error, refetch } = useRead(listCategories, {})
  const back = <BackLink to="/equipment" label={t('machine.to_list')} />
  if (may.allowed && !categories) return error ? <ErrorState error={error} retry={refetch} /> : <LoadingState />
  return (
    <Page title={t('machine.new_title')} above={back}>
      {may.allowed ? <MachineForm categories={categories?.items ?? []} /> : <Text>{may.reason}</Text>}
    </Page>
  )
}

export function EditMachinePage() {
  const { t } = useTranslation()
  const { equipmentId } = useParams({ strict: false }) as { equipmentId: string }
  const may = useMay()(changeEquipment)
  const machine = useRead(getEquipment, { params: { equipment_id: equipmentId } })
  const categories = useRead(listCategories, {})
  const error = machine.error ?? categories.error
  if (!machine.data || !categories.data) return error ? <ErrorState error={error} retry={() => Promise.all([machine.refetch(), categories.refetch()])} /> : <LoadingState />
  const refused = may.reason ?? (machine.data.is_deleted ? t('machine.restore_first') : undefined)
  return (
    <Page title={t('machine.edit_title', { name: fullName(machine.data) })} above={<BackLink to={`/equipment/${equipmentId}`} label={t('machine.to_machine')} />}>
      {refused === undefined ? <MachineForm categories={categories.data.items} machine={machine.data} /> : <Text>{refused}</Text>}
    </Page>
  )
}

function MachineForm({ machine, categories }: { machine?: Equipment; categories: Category[] }) {
  const { t } = useTranslation()
  const go = useGo()
  const call = useCall()
  const { currency } = useCompany()
  const { show, label } = useShow()
  const params = { equipment_id: machine?.id ?? '' }
  const state = useSaveForm<MachineValues, Equipment>({
    initial: machine ? valuesOf(machine) : emptyMachine(currency),
    ...(machine ? { version: machine.version } : {}),
    validate: (values) =>
      Object.fromEntries(
        faultsOf(values, templateOf(categories, values.category_id))
          .reverse()
          .map((fault) => [fault.field, t(`machine.${fault.code}`, fault.values ?? {})]),
      ),
    save: async (values, version, { base, key }) => {
      if (!machine) return call(createEquipment, { body: { ...inputOf(values), status: values.status }, idempotencyKey: key })
      const change = changeOf(values, base)
      return Object.keys(change).length === 0 ? machine : call(changeEquipment, { params, body: change, ...(version === undefined ? {} : { version }) })
    },
    reload: async () => {
      const stored = await call(getEquipment, { params })
      return { values: valuesOf(stored), version: stored.version }
    },
    onSaved: (saved) => {
      notifyDone(t(machine ? 'machine.changed' : 'machine.created', { name: saved.name, code: saved.serial_number }))
      go(`/equipment/${saved.id}`)
    },
  })
  const labels = Object.fromEntries(Object.keys(state.form.values).map((field) => [field, label(field)]))
  const showField = (field: string, value: unknown) =>
    field === 'depreciation_rate' ? (value ? `${value} %` : '–') : field === 'purchase_price' || field === 'current_value' || field === 'salvage_value' ? String(value || '–') : show(field, value)
  return (
    <div className="record-form">
      <FormBody
        state={state}
        submitLabel={t(machine ? 'web.save' : 'equipment.register')}
        onCancel={() => go(machine ? `/equipment/${machine.id}` : '/equipment')}
        labels={labels}
        show={showField}
        guard
      >
        <Identity form={state.form} isNew={!machine} categories={categories} />
        <Money form={state.form} />
        <Service form={state.form} />
        <Section title={t('machine.tab_specifications')}>
          <SpecificationFields form={state.form} categories={categories} />
        </Section>
        <More form={state.form} />
      </FormBody>
    </div>
  )
}

type Form = SaveForm<MachineValues>['form']

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="surface form-section">
      <Title order={2}>{title}</Title>
      {children}
    </section>
  )
}

function Identity({ form, isNew, categories }: { form: Form; isNew: boolean; categories: Category[] }) {
  const { t } = useTranslation()
  const { label } = useShow()
  const text = (
    field: 'name' | 'fleet_code' | 'manufacturer' | 'model' | 'manufacturer_serial_number' | 'plate' | 'location',
    maxLength: number,
    more: { required?: boolean; description?: string; placeholder?: string } = {},
  ) => <TextInput label={label(field)} maxLength={maxLength} {...more} {...form.getInputProps(field)} />
  return (
    <Section title={t('machine.identity')}>
      <div className="fields-grid">
        {text('name', 200, { required: true, placeholder: t('machine.name_example') })}
        <CategorySelect form={form} categories={categories} />
        {text('fleet_code', 50, { description: t('machine.fleet_code_hint') })}
        <TextInput
          label={label('serial_number')}
          maxLength={17}
          placeholder={isNew ? t('machine.serial_made') : 'EQ-2026-EX-000001'}
          description={t(isNew ? 'machine.serial_hint' : 'machine.serial_keep')}
          {...form.getInputProps('serial_number')}
        />
        {text('manufacturer', 100)}
        {text('model', 100)}
        {text('manufacturer_serial_number', 100)}
        <TextInput label={label('year')} inputMode="numeric" maxLength={4} {...form.getInputProps('year')} />
        {text('plate', 20)}
        {text('location', 200)}
        {isNew && (
          <NativeSelect
            label={t('equipment.status')}
            data={(['active', 'maintenance'] as const).map((value) => ({ value, label: t(`equipment.status_${value}`) }))}
            {...form.getInputProps('status')}
          />
        )}
      </div>
    </Section>
  )
}

function CategorySelect({ form, categories }: { form: Form; categories: Category[] }) {
  const { t } = useTranslation()
  const { label } = useShow()
  const top = Math.min(...categories.map((category) => category.depth))
  const depths = new Map(categories.map((category) => [category.id, category.depth - top]))
  return (
    <Select
      label={label('category_id')}
      data={categories.map((category) => ({ value: category.id, label: category.name }))}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': t('web.clear') }}
      placeholder={t('machine.category_hint')}
      nothingFoundMessage={t('web.lookup_nothing')}
      renderOption={({ option }) => <span style={{ paddingLeft: `${(depths.get(option.value) ?? 0) * 1.1}rem` }}>{option.label}</span>}
      {...form.getInputProps('category_id')}
    />
  )
}

function Money({ form }: { form: Form }) {
  const { t } = useTranslation()
  const { label } = useShow()
  const { currency } = useCompany()
  const owned = form.values.ownership === 'owned'
  const currencies = useMemo(() => [...new Set([form.values.currency, currency, 'PEN', 'USD', 'EUR', ...Intl.supportedValuesOf('currency')])], [form.values.currency, currency])
  return (
    <Section title={t('machine.money')}>
      <Radio.Group
        inputWrapperOrder={['label', 'description', 'input', 'error']}
        label={label('ownership')}
        description={t(owned ? 'machine.owned_hint' : 'machine.rented_hint')}
        {...form.getInputProps('ownership')}
      >
        <Group mt="xs" gap="lg">
          {ownerships.map((value) => (
            <Radio key={value} value={value} label={t(`equipment.ownership_${value}`)} />
          ))}
        </Group>
      </Radio.Group>
      <div className="fields-grid">
        <TextInput type="date" label={label('purchase_date')} required={owned} {...form.getInputProps('purchase_date')} />
        <Amount form={form} field="purchase_price" required={owned} />
        <Amount form={form} field="current_value" description={t('machine.current_value_hint')} />
        <Amount form={form} field="salvage_value" description={t('machine.salvage_hint')} />
        <Select label={label('currency')} data={currencies} searchable allowDeselect={false} {...form.getInputProps('currency')} />
        <TextInput
          label={label('depreciation_rate')}
          inputMode="decimal"
          rightSection={
            <Text size="sm" c="dimmed" aria-hidden>
              %
            </Text>
          }
          description={t('machine.rate_hint')}
          maxLength={6}
          {...form.getInputProps('depreciation_rate')}
        />
      </div>
    </Section>
  )
}

function Amount({ form, field, required, description }: { form: Form; field: 'purchase_price' | 'current_value' | 'salvage_value'; required?: boolean; description?: string }) {
  const { label } = useShow()
  const props = form.getInputProps(field)
  const tidy = () => {
    const amount = readAmount(form.values[field])
    if (amount !== null) form.setFieldValue(field, writeAmount(amount))
  }
  return (
    <TextInput
      label={label(field)}
      inputMode="decimal"
      required={required ?? false}
      description={description}
      leftSection={
        <Text size="xs" c="dimmed">
          {form.values.currency}
        </Text>
      }
      leftSectionWidth={48}
      maxLength={24}
      {...props}
      onBlur={tidy}
    />
  )
}

function Service({ form }: { form: Form }) {
  const { t } = useTranslation()
  const { label } = useShow()
  const today = useFormat().today()
  return (
    <Section title={t('machine.service')}>
      <div className="fields-grid">
        <TextInput type="date" label={label('last_maintenance_date')} max={today} {...form.getInputProps('last_maintenance_date')} />
        <TextInput type="date" label={label('next_maintenance_date')} description={t('machine.next_hint')} {...form.getInputProps('next_maintenance_date')} />
        <TextInput label={label('maintenance_interval_days')} description={t('machine.interval_hint')} inputMode="numeric" maxLength={4} {...form.getInputProps('maintenance_interval_days')} />
        <Select
          label={label('maintenance_rule')}
          allowDeselect={false}
          data={maintenanceRules.map((value) => ({ value, label: t(`machine.rule_${value}`) }))}
          {...form.getInputProps('maintenance_rule')}
        />
        <TextInput type="date" label={label('warranty_expires_at')} {...form.getInputProps('warranty_expires_at')} />
      </div>
    </Section>
  )
}

function More({ form }: { form: Form }) {
  const { t } = useTranslation()
  const { label } = useShow()
  return (
    <Section title={t('machine.more')}>
      <TagsInput label={label('tags')} description={t('machine.tags_hint')} splitChars={[',', ';']} maxTags={50} clearButtonProps={{ 'aria-label': t('web.clear') }} {...form.getInputProps('tags')} />
      <Textarea label={label('description')} autosize minRows={3} maxLength={10_000} {...form.getInputProps('description')} />
    </Section>
  )
}

// The settings of the company: how to reach it, and what its days and amounts follow. Everyone reads, administrators change.
import { Alert, Box, Button, Checkbox, Group, Select, Text, TextInput, Title } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { IconLock } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { looksMistyped } from '../../plain/ruc.ts'
import { FormBody, useSaveForm } from '../../web/form.tsx'
import { makeFormat } from '../../web/format.ts'
import { languages } from '../../web/header.tsx'
import { HiddenDialog, HiddenValue } from '../../web/hidden-value.tsx'
import { useTranslation } from '../../web/i18n.ts'
import { notifyDone } from '../../web/notify.tsx'
import { Page } from '../../web/page.tsx'
import { useCall, useRead } from '../../web/query.ts'
import { meKey, useMay, usualWork } from '../../web/session.tsx'
import { ErrorState, LoadingState } from '../../web/states.tsx'
import { PageLink } from '../../web/url.tsx'
import { type Company, changeCompany, changeTaxId, getCompany, revealTaxId } from './contract.ts'

const addressFields = ['street', 'city', 'region', 'postal_code', 'country'] as const
type AddressField = (typeof addressFields)[number]
const none = 'none'
type Draft = {
  name: string
  email: string
  phone: string
  address: Record<AddressField, string>
  settings: {
    time_zone: string
    currency: string
    language: 'es' | 'en'
    maintenance_digest_hour: string
    working_days: number[]
    working_hours: { from: string; to: string }
    second_factor_demanded: boolean
  }
}

const draftOf = (company: Company): Draft => ({
  name: company.name,
  email: company.email ?? '',
  phone: company.phone ?? '',
  address: {
    street: company.address?.street ?? '',
    city: company.address?.city ?? '',
    region: company.address?.region ?? '',
    postal_code: company.address?.postal_code ?? '',
    country: company.address?.country ?? '',
  },
  settings: {
    time_zone: company.settings.time_zone ?? 'America/Lima',
    currency: company.settings.currency ?? 'PEN',
    language: company.settings.language ?? 'es',
    maintenance_digest_hour: String(company.settings.maintenance_digest_hour === undefined ? 7 : (company.settings.maintenance_digest_hour ?? none)),
    working_days: company.settings.working_days ?? usualWork.days,
    working_hours: company.settings.working_hours ?? usualWork.hours,
    second_factor_demanded: company.settings.second_factor_demanded ?? false,
  },
})

function bodyOf(draft: Draft) {
  const address = Object.fromEntries(addressFields.map((field) => [field, draft.address[field].trim()]).filter(([, text]) => text !== ''))
  return {
    name: draft.name.trim(),
    email: draft.email.trim() || null,
    phone: draft.phone.trim() || null,
    address: Object.keys(address).length ? address : null,
    settings: { ...draft.settings, maintenance_digest_hour: draft.settings.maintenance_digest_hour === none ? null : Number(draft.settings.maintenance_digest_hour) },
  }
}

export function SettingsPage() {
  const { t } = useTranslation()
  const company = useRead(getCompany, {})
  const may = useMay()(changeCompany)
  // Each save begins a new form on what is then stored.
  const [saves, setSaves] = useState(0)
  let body = <LoadingState />
  if (company.data)
    body = may.allowed ? <SettingsForm key={`${company.data.id} ${saves}`} company={company.data} onSaved={() => setSaves(saves + 1)} /> : <Reading company={company.data} reason={may.reason} />
  else if (company.error) body = <ErrorState error={company.error} retry={company.refetch} />
  return (
    <Page
      title={t('web.nav_settings')}
      subtitle={t('companies.subtitle')}
      actions={
        <Button variant="default" component={PageLink} to="/settings/webhooks">
          {t('companies.webhooks')}
        </Button>
      }
    >
      {body}
      {company.data && <TaxId company={company.data} onSaved={() => setSaves(saves + 1)} />}
    </Page>
  )
}

function SettingsForm({ company, onSaved }: { company: Company; onSaved: () => void }) {
  const { t } = useTranslation()
  const send = useCall()
  const queries = useQueryClient()
  const state = useSaveForm({
    initial: draftOf(company),
    version: company.version,
    places: { companies_working_time_valid: 'settings' },
    validate: ({ name, email, settings }) => ({
      ...(name.trim() ? {} : { name: t('companies.need_name') }),
      ...(email.trim() === '' || /^\S+@\S+\.\S+$/.test(email.trim()) ? {} : { email: t('companies.need_email') }),
      ...(settings.working_days.length ? {} : { 'settings.working_days': t('companies.need_day') }),
      ...(settings.working_hours.from < settings.working_hours.to ? {} : { 'settings.working_hours.to': t('companies.need_hours') }),
    }),
    save: async (draft, version) => {
      const saved = await send(changeCompany, { body: bodyOf(draft), ...(version === undefined ? {} : { version }) })
      // What the company demands of its people may concern the one who saved: then nothing here is read again.
      await queries.invalidateQueries({ queryKey: meKey })
      return saved
    },
    reload: async () => {
      const now = await send(getCompany, {})
      return { values: draftOf(now), version: now.version }
    },
    onSaved: () => {
      notifyDone(t('companies.saved'))
      onSaved()
    },
  })
  const { form } = state
  return (
    <FormBody
      state={state}
      submitLabel={t('web.save')}
      labels={{ name: t('companies.name'), email: t('companies.email'), phone: t('companies.phone'), address: t('companies.address'), settings: t('companies.days_and_amounts') }}
      show={(_, value) => readable(value)}
      guard
    >
      <Contact form={form} />
      <DaysAndAmounts form={form} />
      <SignInRules form={form} />
    </FormBody>
  )
}

function Contact({ form }: { form: UseFormReturnType<Draft> }) {
  const { t } = useTranslation()
  return (
    <section className="surface">
      <Title order={2} mb="sm">
        {t('companies.contact')}
      </Title>
      <div className="fields-grid">
        <TextInput label={t('companies.name')} required maxLength={200} autoComplete="organization" {...form.getInputProps('name')} />
        <TextInput label={t('companies.email')} type="email" maxLength={255} autoComplete="off" {...form.getInputProps('email')} />
        <TextInput label={t('companies.phone')} type="tel" maxLength={20} autoComplete="off" {...form.getInputProps('phone')} />
        {addressFields.map((field) => (
          <TextInput
            key={field}
            label={t(`companies.${field}`)}
            maxLength={field === 'street' ? 300 : field === 'postal_code' ? 20 : 100}
            autoComplete="off"
            {...form.getInputProps(`address.${field}`)}
          />
        ))}
      </div>
    </section>
  )
}

function SignInRules({ form }: { form: UseFormReturnType<Draft> }) {
  const { t } = useTranslation()
  return (
    <section className="surface">
      <Title order={2} mb="sm">
        {t('companies.sign_in')}
      </Title>
      <Checkbox label={t('companies.second_factor')} description={t('companies.second_factor_hint')} {...form.getInputProps('settings.second_factor_demanded', { type: 'checkbox' })} />
    </section>
  )
}

/** Beside the form, not in it: it is shown and stored by operations of its own. */
function TaxId({ company, onSaved }: { company: Company; onSaved: () => void }) {
  const { t } = useTranslation()
  const send = useCall()
  const [open, setOpen] = useState(false)
  return (
    <Box component="section" className="surface" mt="md">
      <HiddenValue
        label={t('companies.tax_id')}
        mask={company.tax_id_mask}
        none={t('companies.tax_id_missing')}
        hint={t('companies.tax_id_hint')}
        showing={revealTaxId}
        changing={changeTaxId}
        reveal={async () => (await send(revealTaxId, {})).tax_id}
        onChange={() => setOpen(true)}
      />
      {open && (
        <HiddenDialog
          title={t('companies.tax_id_change')}
          label={t('companies.tax_id')}
          hint={t('companies.tax_id_write')}
          field="tax_id"
          version={company.version}
          saved={t('companies.tax_id_saved')}
          doubt={(value) => (looksMistyped(value) ? t('companies.tax_id_doubt') : undefined)}
          save={(tax_id, version) => send(changeTaxId, { body: { tax_id }, ...(version === undefined ? {} : { version }) })}
          reload={async () => (await send(getCompany, {})).version}
          onClose={() => {
            setOpen(false)
            onSaved()
          }}
        />
      )}
    </Box>
  )
}

function DaysAndAmounts({ form }: { form: UseFormReturnType<Draft> }) {
  const { t } = useTranslation()
  return (
    <section className="surface">
      <Title order={2} mb="sm">
        {t('companies.days_and_amounts')}
      </Title>
      <div className="fields-grid">
        <ZoneSelect {...form.getInputProps('settings.time_zone')} zone={form.values.settings.time_zone} />
        <CurrencySelect {...form.getInputProps('settings.currency')} />
        <Select
          label={t('companies.language')}
          description={t('companies.language_hint')}
          allowDeselect={false}
          data={languages.map(({ code, name }) => ({ value: code, label: name }))}
          {...form.getInputProps('settings.language')}
        />
        <Select
          label={t('companies.digest_hour')}
          description={t('companies.digest_hour_hint')}
          allowDeselect={false}
          data={[{ value: none, label: t('companies.digest_none') }, ...Array.from({ length: 24 }, (_, hour) => ({ value: String(hour), label: `${String(hour).padStart(2, '0')}:00` }))]}
          {...form.getInputProps('settings.maintenance_digest_hour')}
        />
      </div>
      <WorkingTime form={form} />
    </section>
  )
}

const weekdays = [1, 2, 3, 4, 5, 6, 7]
/** 2024 began on a Monday. */
const dayName = (language: string, day: number) => new Intl.DateTimeFormat(language, { weekday: 'long', timeZone: 'UTC' }).format(new Date(Date.UTC(2024, 0, day)))

function WorkingTime({ form }: { form: UseFormReturnType<Draft> }) {
  const { t, i18n } = useTranslation()
  const { value, onChange, error } = form.getInputProps('settings.working_days') as { value: number[]; onChange: (days: number[]) => void; error?: string }
  return (
    <>
      <Checkbox.Group
        mt="md"
        label={t('companies.working_days')}
        description={t('companies.working_days_hint')}
        error={error}
        value={value.map(String)}
        onChange={(days) => onChange(days.map(Number).sort())}
      >
        <Group mt="xs">
          {weekdays.map((day) => (
            <Checkbox key={day} value={String(day)} label={dayName(i18n.language, day)} />
          ))}
        </Group>
      </Checkbox.Group>
      <div className="fields-grid">
        <TextInput mt="md" type="time" label={t('companies.working_from')} {...form.getInputProps('settings.working_hours.from')} />
        <TextInput mt="md" type="time" label={t('companies.working_to')} description={t('companies.working_to_hint')} {...form.getInputProps('settings.working_hours.to')} />
      </div>
    </>
  )
}

function ZoneSelect({ zone, ...input }: { zone: string }) {
  const { t, i18n } = useTranslation()
  const zones = useMemo(() => {
    const known = Intl.supportedValuesOf('timeZone')
    return (known.includes(zone) ? known : [zone, ...known]).map((value) => ({ value, label: `${value.replaceAll('_', ' ')} (${offsetOf(value)})` }))
  }, [zone])
  return (
    <Select
      label={t('companies.time_zone')}
      description={t('companies.time_zone_hint', { now: makeFormat(i18n.language, zone).instant(new Date().toISOString()) })}
      data={zones}
      searchable
      allowDeselect={false}
      maxDropdownHeight={280}
      nothingFoundMessage={t('companies.nothing_found')}
      {...input}
    />
  )
}

function offsetOf(zone: string): string {
  const name = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(new Date()).find((part) => part.type === 'timeZoneName')?.value ?? ''
  return name === 'GMT' ? 'UTC+00:00' : name.replace('GMT', 'UTC')
}

const usual = ['PEN', 'USD', 'EUR', 'CLP', 'COP', 'BOB', 'MXN', 'BRL', 'ARS']

function CurrencySelect(input: object) {
  const { t, i18n } = useTranslation()
  const data = useMemo(() => {
    const names = new Intl.DisplayNames(i18n.language, { type: 'currency' })
    const option = (value: string) => ({ value, label: `${value} · ${names.of(value) ?? value}` })
    return [
      { group: t('companies.usual'), items: usual.map(option) },
      {
        group: t('companies.others'),
        items: Intl.supportedValuesOf('currency')
          .filter((code) => !usual.includes(code))
          .map(option),
      },
    ]
  }, [i18n.language, t])
  return (
    <Select
      label={t('companies.currency')}
      description={t('companies.currency_hint')}
      data={data}
      searchable
      allowDeselect={false}
      maxDropdownHeight={280}
      nothingFoundMessage={t('companies.nothing_found')}
      {...input}
    />
  )
}

function Reading({ company, reason }: { company: Company; reason: string }) {
  const { t, i18n } = useTranslation()
  const draft = draftOf(company)
  const address = addressFields
    .map((field) => draft.address[field])
    .filter(Boolean)
    .join(', ')
  const facts = [
    ['name', draft.name],
    ['email', draft.email],
    ['phone', draft.phone],
    ['address', address],
    ['time_zone', draft.settings.time_zone.replaceAll('_', ' ')],
    ['currency', draft.settings.currency],
    ['digest_hour', draft.settings.maintenance_digest_hour === none ? t('companies.digest_none') : `${draft.settings.maintenance_digest_hour.padStart(2, '0')}:00`],
    ['second_factor', t(draft.settings.second_factor_demanded ? 'web.yes' : 'web.no')],
    ['language', languages.find(({ code }) => code === draft.settings.language)?.name ?? ''],
    ['working_days', draft.settings.working_days.map((day) => dayName(i18n.language, day)).join(', ')],
    ['working_hours', `${draft.settings.working_hours.from} – ${draft.settings.working_hours.to}`],
  ] as const
  return (
    <>
      <Alert icon={<IconLock aria-hidden />} mb="md" className="alert-info">
        {reason}
      </Alert>
      <section className="surface">
        <dl className="fact-list">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{t(`companies.${name}`)}</dt>
              <dd>
                {value || (
                  <Text component="span" c="dimmed">
                    –
                  </Text>
                )}
              </dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  )
}

function readable(value: unknown): string {
  if (value && typeof value === 'object') return Object.values(value).filter(Boolean).join(', ') || '–'
  return String(value || '–')
}

// What a machine is: identity, ownership and money, service, and the specifications of its category.
import { Badge, Group, Text, Title } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { EmptyState } from '../../../web/states.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { PageLink } from '../../../web/url.tsx'
import { type SpecificationField, specificationFault } from '../../categories/contract.ts'
import type { Equipment } from '../contract.ts'
import { Meters } from './meters.tsx'
import { ServiceDate } from './status.tsx'
import { branchOf, labelOfKey, templateOf, useCategories, useShow } from './values.tsx'

export function Summary({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const { show, label } = useShow()
  const format = useFormat()
  const fact = (field: keyof Equipment & string, value: ReactNode = show(field, machine[field])) => <Fact key={field} label={label(field)} value={value} />
  const price = (field: 'purchase_price' | 'current_value' | 'salvage_value') => fact(field, format.money(machine[field]))
  return (
    <div className="columns-2">
      <div className="stack">
        <Facts title={t('machine.identity')}>
          {fact('category_id', <CategoryPath id={machine.category_id} />)}
          {fact('manufacturer')}
          {fact('model')}
          {fact('year')}
          {fact('manufacturer_serial_number')}
          {fact('plate')}
          {fact('fleet_code')}
          {fact('serial_number')}
        </Facts>
        <Facts title={t('machine.money')}>
          {fact('ownership')}
          {fact('purchase_date')}
          {price('purchase_price')}
          {price('current_value')}
          {price('salvage_value')}
          {fact('depreciation_rate')}
        </Facts>
      </div>
      <div className="stack">
        <Facts title={t('machine.service')}>
          {fact('next_maintenance_date', <ServiceDate machine={machine} />)}
          {fact('last_maintenance_date')}
          {machine.maintenance_interval_days !== null && fact('maintenance_interval_days')}
          {machine.maintenance_rule === 'fixed' && fact('maintenance_rule')}
          {fact('warranty_expires_at', <Warranty machine={machine} />)}
          <Fact label={t('logs.meters')} value={<Meters machine={machine} />} />
        </Facts>
        <Facts title={t('machine.place')}>
          {fact('location')}
          {fact(
            'tags',
            machine.tags.length > 0 ? (
              <Group gap={4}>
                {machine.tags.map((tag) => (
                  <Badge key={tag} variant="default" tt="none" size="lg">
                    {tag}
                  </Badge>
                ))}
              </Group>
            ) : undefined,
          )}
          {fact('description', machine.description ? <span className="written">{machine.description}</span> : undefined)}
        </Facts>
      </div>
    </div>
  )
}

function Facts({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="surface">
      <Title order={2} mb="sm">
        {title}
      </Title>
      <dl className="facts">{children}</dl>
    </section>
  )
}

function Fact({ label, value }: { label: string; value: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function CategoryPath({ id }: { id: string | null }) {
  const categories = useCategories()
  const branch = branchOf(categories ?? [], id)
  if (branch.length === 0) return '–'
  return branch.map((category, depth) => (
    <span key={category.id}>
      {depth > 0 && ' › '}
      <PageLink to="/equipment" search={{ category_id: category.id }}>
        {category.name}
      </PageLink>
    </span>
  ))
}

function Warranty({ machine: { warranty_expires_at: day } }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (!day) return '–'
  return (
    <span className="inline">
      {format.day(day)}
      {day < format.today() ? <ToneBadge tone="idle">{t('machine.warranty_over')}</ToneBadge> : <ToneBadge tone="ok">{t('machine.warranty_runs')}</ToneBadge>}
    </span>
  )
}

/** The fields that the category asks for, in its order and with its units, then whatever else was written. */
export function Specifications({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const { showSpecification } = useShow()
  const categories = useCategories()
  if (!categories) return null
  const template = templateOf(categories, machine.category_id)
  const known = new Set(template.map((field) => field.key))
  const extra = Object.entries(machine.specifications).filter(([key]) => !known.has(key))
  if (template.length === 0 && extra.length === 0) return <EmptyState title={t('machine.no_specifications')}>{t('machine.no_specifications_text')}</EmptyState>
  return (
    <div className="columns-2">
      {template.length > 0 && (
        <Facts title={machine.category_name ?? t('machine.tab_specifications')}>
          {template.map((field) => (
            <Fact key={field.key} label={field.label} value={<Asked field={field} value={machine.specifications[field.key]} shown={showSpecification(machine.specifications[field.key], field)} />} />
          ))}
        </Facts>
      )}
      {extra.length > 0 && (
        <Facts title={t('machine.extra')}>
          {extra.map(([key, value]) => (
            <Fact
              key={key}
              label={labelOfKey(key)}
              value={
                <Text component="span" inherit className="written">
                  {showSpecification(value)}
                </Text>
              }
            />
          ))}
        </Facts>
      )}
    </div>
  )
}

/** A value that the category does not take as it is says so: it came before the field was asked for. */
function Asked({ field, value, shown }: { field: SpecificationField; value: unknown; shown: string }) {
  const { t } = useTranslation()
  const fault = specificationFault(field, value)
  if (!fault) return shown
  return (
    <span className="inline">
      {shown}
      <ToneBadge tone="warn" icon={IconAlertTriangle}>
        {t(fault === 'specification_required' ? 'machine.asked_missing' : 'machine.asked_other')}
      </ToneBadge>
    </span>
  )
}

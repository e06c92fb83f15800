// What a machine is worth: today, and year by year until it is written off.

import { Table, Title } from '@mantine/core'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useRead } from '../../../web/query.ts'
import { Sideways } from '../../../web/sideways.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { type Depreciation, getDepreciation } from '../../valuation/contract.ts'
import type { Equipment } from '../contract.ts'

export function MachineValue({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { data, error, refetch } = useRead(getDepreciation, { params: { equipment_id: machine.id } })
  if (error && !data) return <ErrorState error={error} retry={refetch} />
  if (!data) return <LoadingState />
  if (!data.book_value) return <EmptyState title={t('valuation.no_plan')}>{t('valuation.no_plan_text')}</EmptyState>
  const facts = [
    [t('valuation.book_today', { day: format.day(data.as_of) }), format.money(data.book_value)],
    [t('equipment.purchase_price'), format.money(data.purchase_price)],
    [t('machine.salvage_value'), format.money(data.salvage_value)],
    [t('machine.depreciation_rate'), format.percent(data.depreciation_rate)],
    [t('valuation.written_off_on'), format.day(data.written_off_on)],
    ...(machine.current_value_given ? [[t('valuation.set_value'), format.money(machine.current_value)]] : []),
  ]
  return (
    <div className="stack">
      <section className="surface">
        <Title order={2} mb="sm">
          {t('valuation.value')}
        </Title>
        <dl className="fact-list">
          {facts.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
      {data.items.length > 0 && <Schedule plan={data} />}
    </div>
  )
}

function Schedule({ plan }: { plan: Depreciation }) {
  const { t } = useTranslation()
  const format = useFormat()
  const thisYear = Number(plan.as_of.slice(0, 4))
  return (
    <section>
      <Title order={2} mb="sm">
        {t('valuation.schedule')}
      </Title>
      <Sideways label={t('valuation.schedule')}>
        <Table className="list-table" verticalSpacing={6} horizontalSpacing="xs">
          <caption className="visually-hidden">{t('valuation.schedule')}</caption>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t('valuation.year')}</Table.Th>
              {(['opening', 'depreciation', 'closing'] as const).map((column) => (
                <Table.Th key={column} scope="col" ta="right">
                  {t(`valuation.${column}`)}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {plan.items.map((row) => (
              <Table.Tr key={row.year} {...(row.year === thisYear ? { 'aria-current': 'date' as const } : {})}>
                <Table.Td>
                  {row.year}
                  <span className="cell-second">
                    {format.day(row.from_date)} – {format.day(row.to_date)}
                  </span>
                </Table.Td>
                <Table.Td ta="right">{format.money(row.opening_value)}</Table.Td>
                <Table.Td ta="right">{format.money(row.depreciation)}</Table.Td>
                <Table.Td ta="right">{format.money(row.closing_value)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Sideways>
    </section>
  )
}

// Utilization month by month as a chart, and the same numbers as a table for who does not see it.

import { BarChart } from '@mantine/charts'
import { Table } from '@mantine/core'
import { Sideways } from '../../../web/sideways.tsx'
import '@mantine/charts/styles.css'
import { useMemo } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import type { MonthUse } from '../contract.ts'
import { wholeHours } from './breakdown.tsx'

/** "nov 26": short enough to stand below a bar. */
export function useMonthName(): (month: string) => string {
  const { i18n } = useTranslation()
  const names = useMemo(() => new Intl.DateTimeFormat(i18n.language === 'en' ? 'en-GB' : 'es-PE', { month: 'short', year: '2-digit', timeZone: 'UTC' }), [i18n.language])
  return (month) => names.format(new Date(`${month}-01T00:00:00Z`))
}

export function MonthChart({ months, title }: { months: MonthUse[]; title: string }) {
  const { t } = useTranslation()
  const monthName = useMonthName()
  const format = useFormat()
  const label = t('utilization.title')
  const data = months.map((one) => ({ month: monthName(one.month), [label]: Math.round((one.utilization ?? 0) * 1000) / 10 }))
  return (
    <section className="surface" aria-label={title}>
      <div className="use-chart" role="img" aria-label={t('utilization.chart_text', { title })}>
        <BarChart
          h="100%"
          data={data}
          dataKey="month"
          series={[{ name: label, color: 'var(--info)' }]}
          unit=" %"
          yAxisProps={{ domain: [0, 100], width: 56 }}
          xAxisProps={{ interval: 'preserveStartEnd' }}
          barProps={{ isAnimationActive: false, maxBarSize: 48, radius: 2 }}
          barChartProps={{ accessibilityLayer: false }}
          gridAxis="x"
          tickLine="none"
        />
      </div>
      <details className="use-table">
        <summary>{t('utilization.as_table')}</summary>
        <Sideways label={title}>
          <Table className="list-table" verticalSpacing={4} horizontalSpacing="xs">
            <caption className="visually-hidden">{title}</caption>
            <Table.Thead>
              <Table.Tr>
                {(['month', 'utilization', 'assigned_hours', 'available_hours', 'assignment_count'] as const).map((column) => (
                  <Table.Th key={column} scope="col" ta={column === 'month' ? 'left' : 'right'}>
                    {t(`utilization.column_${column}`)}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {months.map((one) => (
                <Table.Tr key={one.month}>
                  <Table.Td>{monthName(one.month)}</Table.Td>
                  <Table.Td ta="right">{format.percent(one.utilization)}</Table.Td>
                  <Table.Td ta="right">{format.number(wholeHours(one.assigned_hours))}</Table.Td>
                  <Table.Td ta="right">{format.number(wholeHours(one.available_hours))}</Table.Td>
                  <Table.Td ta="right">{format.number(one.assignment_count)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Sideways>
      </details>
    </section>
  )
}

// The last hour as two pictures, requests and their duration, and the same numbers as a table for who does not see them.
import { BarChart, LineChart } from '@mantine/charts'
import '@mantine/charts/styles.css'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import type { Traffic } from '../contract.ts'
import { Facts } from './facts.tsx'

type Minute = Traffic['minutes'][number]

function useParts() {
  const { t, i18n } = useTranslation()
  const { timeZone } = useFormat()
  const clock = new Intl.DateTimeFormat(i18n.language === 'en' ? 'en-GB' : 'es-PE', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone })
  const series = [
    ['p50_ms', t('monitoring.usual'), 'var(--ok)'],
    ['p95_ms', t('monitoring.most'), 'var(--info)'],
    ['p99_ms', t('monitoring.nearly_all'), 'var(--warn)'],
  ] as const
  return { clock, series, requests: t('monitoring.requests'), failed: t('monitoring.failed'), count: t('monitoring.chart_requests') }
}

export function TrafficCharts({ minutes }: { minutes: Minute[] }) {
  const { t } = useTranslation()
  const { clock, series, requests, failed, count } = useParts()
  const data = minutes.map((one) => ({
    minute: clock.format(new Date(one.at)),
    [requests]: one.requests - one.failed,
    [failed]: one.failed,
    ...Object.fromEntries(series.map(([field, name]) => [name, one[field]])),
  }))
  const common = { h: '100%', data, dataKey: 'minute', gridAxis: 'x' as const, tickLine: 'none' as const, xAxisProps: { interval: 'preserveStartEnd' as const, minTickGap: 40 } }
  const duration = t('monitoring.chart_duration')
  return (
    <>
      <div className="columns-2">
        <figure className="load-chart" aria-label={count}>
          <figcaption>{count}</figcaption>
          <div role="img" aria-label={t('monitoring.chart_text', { title: count })}>
            <BarChart
              {...common}
              type="stacked"
              withLegend
              series={[
                { name: requests, color: 'var(--info)' },
                { name: failed, color: 'var(--bad)' },
              ]}
              yAxisProps={{ width: 44, allowDecimals: false }}
              barProps={{ isAnimationActive: false }}
              barChartProps={{ accessibilityLayer: false }}
            />
          </div>
        </figure>
        <figure className="load-chart" aria-label={duration}>
          <figcaption>{duration}</figcaption>
          <div role="img" aria-label={t('monitoring.chart_text', { title: duration })}>
            <LineChart
              {...common}
              withLegend
              withDots={false}
              connectNulls={false}
              curveType="linear"
              series={series.map(([, name, color]) => ({ name, color }))}
              yAxisProps={{ width: 52 }}
              lineProps={{ isAnimationActive: false, dot: { r: 2 } }}
              lineChartProps={{ accessibilityLayer: false }}
            />
          </div>
        </figure>
      </div>
      <TrafficTable minutes={minutes} />
    </>
  )
}

function TrafficTable({ minutes }: { minutes: Minute[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { clock, series, requests, failed, count } = useParts()
  return (
    <details className="load-table">
      <summary>{t('monitoring.as_table')}</summary>
      <Facts
        caption={count}
        first={60}
        rows={minutes.filter((one) => one.requests > 0)}
        rowKey={(one) => one.at}
        columns={[
          { key: 'minute', title: t('monitoring.minute'), render: (one) => clock.format(new Date(one.at)) },
          { key: 'requests', title: requests, align: 'right', render: (one) => format.number(one.requests) },
          { key: 'failed', title: failed, align: 'right', render: (one) => format.number(one.failed) },
          ...series.map(([field, name]) => ({ key: field, title: name, align: 'right' as const, render: (one: Minute) => t('monitoring.ms', { ms: format.number(one[field]) }) })),
        ]}
      />
    </details>
  )
}

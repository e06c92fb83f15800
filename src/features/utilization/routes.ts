// Utilization over HTTP.
import type { FastifyInstance } from 'fastify'
import { handle } from '../../base/http.ts'
import { type SheetColumn, sendSheet } from '../../base/sheet.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

const pageSize = 500

export function utilizationRoutes(app: FastifyInstance): void {
  handle(app, contract.getUtilization, async (ctx, { query }) => ({ items: await store.listMonths(ctx, query), next_cursor: null }))
  handle(app, contract.listCategoryUse, async (ctx, { query }) => ({ items: await store.listCategoryUse(ctx, query), next_cursor: null }))
  handle(app, contract.listMachineUse, (ctx, { query }) => store.listMachineUse(ctx, query))

  handle(app, contract.exportUtilization, async (ctx, { query }) => {
    const { format = 'csv', ...span } = query
    const { count, moment } = await store.beginExport(ctx.primary, span, format)
    const columns = (['serial_number', 'fleet_code', 'equipment_name', 'category_name', 'month', 'assignment_count', 'assigned_hours', 'available_hours', 'utilization'] as const).map(
      (field): SheetColumn<store.ExportRow> => ({ header: ctx.t(`utilization.column_${field}`), value: (row) => row[field] }),
    )
    return sendSheet(ctx.reply, { name: ctx.t('utilization.export_name'), sheet: ctx.t('utilization.title'), format, count }, columns, pagesOf(ctx, { ...span, ...moment }))
  })
}

/** The rows of an export, some machines at a time, so that none but these are in memory. */
async function* pagesOf(ctx: Parameters<typeof store.listExportPage>[0], span: store.Span) {
  let after: string | null = null
  for (;;) {
    const page: Awaited<ReturnType<typeof store.listExportPage>> = await store.listExportPage(ctx, span, after, pageSize)
    if (page.rows.length) yield page.rows
    after = page.last
    if (after === null) return
  }
}

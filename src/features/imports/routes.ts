// Imports and exports over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { type Ctx, handle } from '../../base/http.ts'
import { sendSheet } from '../../base/sheet.ts'
import * as contract from './contract.ts'
import { exportColumns } from './export.ts'
import { labelsOf } from './reading.ts'
import * as store from './store.ts'
import { importFile, type Phase } from './work.ts'

type Progress = { phase: Phase; done: number; total: number }
const pageSize = 1000
const keepProgressMs = 600_000

export function importRoutes(app: FastifyInstance, equipmentWhere: store.EquipmentWhere): void {
  // Of this process alone: progress is a courtesy for who waits, the result itself is in the reply.
  const progress = new Map<string, Progress>()

  handle(app, contract.importEquipment, async (ctx, { params, query }) => {
    const file = await readUpload(ctx, query.file_name)
    const key = `${params.company_id} ${query.progress_id ?? ''}`.toLowerCase()
    const tell = (phase: Phase, done: number, total: number) => {
      if (query.progress_id && (progress.has(key) || progress.size < 1000)) progress.set(key, { phase, done, total })
    }
    try {
      const { header_row: headerRow, date_order: dateOrder, decimal, mapping } = query
      const request = { ...file, dryRun: query.dry_run === 'true', mapping, headerRow, dateOrder, decimal: decimal === 'comma' ? (',' as const) : decimal === 'point' ? ('.' as const) : undefined }
      return await importFile(ctx, ctx.t, request, tell)
    } finally {
      setTimeout(() => progress.delete(key), keepProgressMs).unref()
    }
  })

  handle(app, contract.getImportProgress, async (ctx, { params }) => {
    await store.listImports(ctx, { limit: 1 })
    const found = progress.get(`${params.company_id} ${params.progress_id}`.toLowerCase())
    if (!found) throw new Refusal(404, 'not_found')
    return found
  })

  handle(app, contract.listImports, (ctx, { query }) => store.listImports(ctx, query))

  handle(app, contract.exportEquipment, async (ctx, { query }) => {
    const { format = 'csv', ...filters } = query
    const selection = equipmentWhere(filters)
    const { count, keys } = await store.beginExport(ctx.primary, selection, { format, ...filters })
    const columns = exportColumns(keys, labelsOf(await store.listImportCategories(ctx)), ctx.t)
    return sendSheet(ctx.reply, { name: ctx.t('imports.export_name'), sheet: ctx.t('imports.export_sheet'), format, count }, columns, pagesOf(ctx, selection))
  })
}

/** The machines of an export page by page, so that none but one page is in memory. */
async function* pagesOf(ctx: Ctx, selection: store.Selection) {
  let after: string | null = null
  for (;;) {
    const page: Awaited<ReturnType<typeof store.listExportPage>> = await store.listExportPage(ctx, selection, after, pageSize)
    if (page.length) yield page
    after = page.at(-1)?.id ?? null
    if (page.length < pageSize || after === null) return
  }
}

async function readUpload({ request }: Ctx, named: string | undefined): Promise<{ bytes: Buffer; fileName: string }> {
  if (request.isMultipart()) {
    try {
      const file = await request.file()
      if (!file) throw new Refusal(400, 'import_file_missing')
      return { bytes: await file.toBuffer(), fileName: fileNameOf(named ?? file.filename) }
    } catch (error) {
      // The parser's own complaints about a broken form (no boundary, cut short) carry no status.
      throw error instanceof Refusal || (error as { statusCode?: number }).statusCode ? error : new Refusal(400, 'bad_request')
    }
  }
  if (!Buffer.isBuffer(request.body)) throw new Refusal(request.body === undefined || request.body === null ? 400 : 415, 'import_file_missing')
  return { bytes: request.body, fileName: fileNameOf(named) }
}

function fileNameOf(name: string | undefined): string {
  const bare = (name ?? '')
    .replace(/^.*[\\/]/s, '')
    .replace(/[\p{Cc}\p{Cs}]/gu, '')
    .trim()
    .slice(0, 255)
  return bare === '' ? 'import' : bare
}

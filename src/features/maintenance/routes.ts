// Work on machines over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { type Ctx, handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function maintenanceRoutes(app: FastifyInstance): void {
  handle(app, contract.listMaintenance, (ctx, { query }) => store.listMaintenance(ctx, query))
  handle(app, contract.getMaintenance, async (ctx, { params }) => (await store.findMaintenance(ctx, params.maintenance_id)) ?? notFound())
  handle(app, contract.createMaintenance, (ctx, { body }) => store.createMaintenance(ctx, body))
  handle(app, contract.changeMaintenance, async (ctx, { params, body }) => (await store.changeMaintenance(ctx, params.maintenance_id, ctx.version, body)) ?? notFound())
  handle(app, contract.startMaintenance, async (ctx, { params, body }) => (await store.startMaintenance(ctx, params.maintenance_id, body)) ?? notFound())
  handle(app, contract.completeMaintenance, async (ctx, { params, body }) => (await store.completeMaintenance(ctx, params.maintenance_id, body)) ?? notFound())
  handle(app, contract.cancelMaintenance, async (ctx, { params, body }) => (await store.cancelMaintenance(ctx, params.maintenance_id, body)) ?? notFound())
  handle(app, contract.sendToMaintenance, async (ctx, { params, body }) => (await store.sendToMaintenance(ctx, params.equipment_id, body)) ?? notFound())
  handle(app, contract.listFiles, async (ctx, { params }) => (await store.listFiles(ctx, params.maintenance_id)) ?? notFound())
  handle(app, contract.addFile, async (ctx, { params }) => {
    // Caller, role and record are verified before a byte of the file is read.
    if (!(await store.findMaintenance(ctx, params.maintenance_id))) notFound()
    const { name, bytes } = await readFile(ctx)
    return (await store.addFile(ctx, params.maintenance_id, name, bytes)) ?? notFound()
  })
  handle(app, contract.getFile, async (ctx, { params }) => {
    const file = (await store.findFile(ctx, params.maintenance_id, params.file_id)) ?? notFound()
    const plain = file.name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
    await ctx.reply
      .type(file.kind === 'pdf' ? 'application/pdf' : `image/${file.kind}`)
      .header('content-disposition', `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(file.name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)}`)
      .header('content-security-policy', "sandbox; default-src 'none'")
      .header('cache-control', 'no-store')
      .send(file.content)
    return ctx.reply
  })
  handle(app, contract.removeFile, async (ctx, { params }) => ((await store.removeFile(ctx, params.maintenance_id, params.file_id)) ? null : notFound()))
  handle(app, contract.restoreFile, async (ctx, { params }) => (await store.restoreFile(ctx, params.maintenance_id, params.file_id)) ?? notFound())
  handle(app, contract.getDigestChoice, (ctx) => store.getDigestChoice(ctx))
  handle(app, contract.changeDigestChoice, (ctx, { body }) => store.changeDigestChoice(ctx, body.is_wanted))
  handle(app, contract.listDue, (ctx, { query }) => store.listDue(ctx, query))
}

/** The one file of a form, bounded while it is read. */
async function readFile({ request }: Ctx): Promise<{ name: string; bytes: Buffer }> {
  if (!request.isMultipart()) throw new Refusal(415, 'file_missing')
  try {
    const file = await request.file({ limits: { fileSize: contract.fileLimits.bytes, files: 1 } })
    if (!file) throw new Refusal(400, 'file_missing')
    const bytes = await file.toBuffer()
    if (bytes.length === 0) throw new Refusal(422, 'mf_size_range')
    return { name: nameOf(file.filename), bytes }
  } catch (error) {
    if (error instanceof Refusal) throw error
    // The parser's own complaints about a broken form (no boundary, cut short) carry no status.
    const status = (error as { statusCode?: number }).statusCode
    throw status === 413 ? new Refusal(413, 'mf_size_range') : status ? error : new Refusal(400, 'bad_request')
  }
}

/** Without folders and signs that nobody sees; its end, which says what it is, stays. */
function nameOf(given: string | undefined): string {
  const bare = (given ?? '')
    .replace(/^.*[\\/]/s, '')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '')
    .trim()
  const short = bare.length <= contract.fileLimits.name ? bare : bare.slice(-contract.fileLimits.name).replace(/^[\udc00-\udfff]/, '')
  return short.trim() === '' ? 'file' : short
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}

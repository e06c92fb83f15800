// What every word of the command line shares: exit codes, output for people and machines, secrets from stdin, the API as a person.
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { InputOf, Operation, ReplyOf } from '../plain/operation.ts'
import { type Config, ConfigError } from './config.ts'
import { joinDatabase } from './database.ts'
import { Database } from './db.ts'
import { StartError } from './embedded.ts'
import { Refusal } from './errors.ts'
import { asOwner, type Owner } from './owner.ts'

export type CreateServer = (config: Config, db: Database, ownerUrl?: string) => Promise<FastifyInstance>
export type CommandContext = { config: Config; rooms: readonly string[]; createServer: CreateServer }

/** Refused or failed: a sentence on stderr and exit code 1. */
export class CommandError extends Error {}
/** Called wrongly: a sentence on stderr and exit code 2. */
export class UsageError extends Error {}

/** Progress goes to stderr, so that stdout holds the answer alone. */
export const progress = (line: string): void => void process.stderr.write(`${line}\n`)
export const print = (text: string): void => void process.stdout.write(`${text}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))

/** Columns as wide as their longest cell, at most 40. */
export function printTable(headers: readonly string[], rows: readonly (readonly (string | null | undefined)[])[]): void {
  const cells = [headers, ...rows].map((row) => row.map((cell) => shorten(cell ?? '')))
  const widths = headers.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  for (const row of cells)
    print(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
}

const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text)

/** The API as this person: the same operations, rules and history as through the page. */
export type Api = {
  companyId: string
  call<O extends Operation>(op: O, input: Partial<InputOf<O>>, raw?: { body: Buffer; type: string }): Promise<ReplyOf<O>>
  /** For replies that are a file. */
  fetch<O extends Operation>(op: O, input: Partial<InputOf<O>>): Promise<Buffer>
}
export type Person = { as: string; company: string }

/** Works as a person in a company, on the running database or one started for this command. */
export async function asPerson<T>(context: CommandContext, person: Person, work: (api: Api) => Promise<T>): Promise<T> {
  const database = await joinDatabase(context.config, context.rooms, progress)
  const db = new Database(database.urls.app, { ...context.config.pool, size: 4, overflow: 0 })
  try {
    const app = await context.createServer({ ...context.config, rateLimitPerMinute: 10_000_000 }, db)
    try {
      return await asOwner(database.urls.owner, (owner) => actIn(app, owner, person, work))
    } finally {
      await app.close()
    }
  } finally {
    await db.close()
    await database.stop()
  }
}

/** Works as a person in a company through a server that is made already. The session ends with the work. */
export async function actIn<T>(app: FastifyInstance, owner: Owner, person: Person, work: (api: Api) => Promise<T>): Promise<T> {
  const companyId = await findCompany(owner, person.company)
  const session = await owner.actAs(person.as)
  if (!session) throw new CommandError(`There is no active account ${person.as}.`)
  const headers = { authorization: `Bearer ${session.secret}`, 'user-agent': 'bitcorp command line', 'accept-language': 'en' }
  const send = async (op: Operation, input: Partial<InputOf<Operation>>, raw?: { body: Buffer; type: string }) => {
    const params: Record<string, unknown> = { company_id: companyId, ...(input.params as object | undefined) }
    const version = op.ifMatch ? { 'if-match': '*' } : {}
    const url = op.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
    const payload = raw ? { payload: raw.body } : input.body === undefined ? {} : { payload: input.body as object }
    const reply = await app.inject({
      method: op.method,
      url,
      query: (input.query ?? {}) as Record<string, string>,
      headers: { ...headers, ...version, ...(raw ? { 'content-type': raw.type } : {}) },
      ...payload,
    })
    if (reply.statusCode >= 400) throw new CommandError(sentenceOfProblem(reply.body))
    return reply
  }
  try {
    return await work({
      companyId,
      call: async (op, input, raw) => {
        const reply = await send(op, input as Partial<InputOf<Operation>>, raw)
        return (reply.body === '' ? null : reply.json()) as ReplyOf<typeof op>
      },
      fetch: async (op, input) => (await send(op, input as Partial<InputOf<Operation>>)).rawPayload,
    })
  } finally {
    await app.inject({ method: 'DELETE', url: '/api/v1/session', headers })
  }
}

/** The id of the company with this name or id, or a refusal. */
export async function findCompany(owner: Owner, nameOrId: string): Promise<string> {
  const [company] = await owner.query<{ id: string }>('SELECT id FROM find_company($1)', [nameOrId])
  if (!company) throw new CommandError(`There is no company "${nameOrId}". \`bitcorp company list\` names them.`)
  return company.id
}

/** Works as the installation's owner, on the running database or one started for this command. */
export async function withOwner<T>(context: CommandContext, work: (owner: Owner) => Promise<T>): Promise<T> {
  const database = await joinDatabase(context.config, context.rooms, progress)
  try {
    return await asOwner(database.urls.owner, work)
  } finally {
    await database.stop()
  }
}

function sentenceOfProblem(body: string): string {
  try {
    const problem = JSON.parse(body) as { detail?: string; title?: string; errors?: { field: string; detail: string }[] }
    return [problem.detail ?? problem.title ?? body, ...(problem.errors ?? []).map((e) => `  ${e.field}: ${e.detail}`)].join('\n')
  } catch {
    return body
  }
}

/** The first line of stdin, or what a person types unseen. Undefined when nobody is there to ask. */
export async function readSecret(question: string, fromStdin: boolean): Promise<string | undefined> {
  if (!fromStdin && !process.stdin.isTTY) return undefined
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: !fromStdin && process.stdin.isTTY })
  if (!fromStdin) process.stderr.write(`${question}: `)
  try {
    for await (const line of lines) return line
    throw new UsageError('No password arrived on stdin.')
  } finally {
    lines.close()
    if (!fromStdin) process.stderr.write('\n')
  }
}

/** What the person is told and the exit code, for anything that ended a command. Never a stack, unless the log level asks for it. */
export function explain(error: unknown, sentence: (constraint: string) => string, verbose: boolean): { message: string; code: number } {
  const e = error as Error & { code?: string; constraint?: string; exitCode?: number }
  if (e.code?.startsWith('commander.')) return { message: '', code: e.exitCode === 0 ? 0 : 2 }
  if (e instanceof UsageError) return { message: e.message, code: 2 }
  if (e instanceof CommandError || e instanceof StartError || e instanceof ConfigError) return { message: e.message, code: 1 }
  if (e instanceof Refusal) return { message: sentence(e.code), code: 1 }
  if (e.constraint) return { message: sentence(e.constraint), code: 1 }
  if (e.code === 'ENOSPC' || e.code === '53100') return { message: 'The disk is full. Make room, then start again; nothing that was saved is lost.', code: 1 }
  if (e.code === '53300') return { message: 'The database takes no more connections (max_connections). End some, or raise the limit.', code: 1 }
  if (/^(ECONN|EPIPE|ETIMEDOUT|57P0)/.test(e.code ?? '') || /Connection terminated/.test(e.message)) return { message: 'The connection to the database was lost. Start again.', code: 1 }
  return { message: verbose ? (e.stack ?? String(error)) : `It failed: ${e.message}. BITCORP_LOG_LEVEL=debug shows more.`, code: 1 }
}

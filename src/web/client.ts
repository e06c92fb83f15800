// Calls the operations of the contracts from the browser: cookie, CSRF token, versions, languages, and refusals as errors.
import type { Static } from 'typebox'
import type { Operation, ReplyOf } from '../plain/operation.ts'
import { formatPosition, laterOf, parsePosition, positionHeader } from '../plain/position.ts'
import type { Problem } from '../plain/problem.ts'

/** What the server refused; `message` is a sentence for the person, in their language. */
export class ProblemError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
  get status(): number {
    return this.problem.status
  }
  get code(): string {
    return this.problem.code
  }
}

/** What the client knows beyond a single call. */
const state = { csrf: null as string | null, language: 'es', offline: '', onSignedOut: () => {} }

export function setCsrfToken(token: string | null): void {
  state.csrf = token
}
export function setClientLanguage(language: string, offlineSentence: string): void {
  state.language = language
  state.offline = offlineSentence
}
/** Called when a call is refused because nobody is signed in. */
export function onSignedOut(listener: () => void): void {
  state.onSignedOut = listener
}

const positionKey = 'bitcorp-position'

/** Where this tab's last write ended, so that no report is older: kept over a reload of the page. */
function lastPosition(): string | null {
  try {
    return sessionStorage.getItem(positionKey)
  } catch {
    return null
  }
}

function keepPosition(answered: string | null): void {
  const newest = laterOf(parsePosition(lastPosition() ?? ''), parsePosition(answered ?? ''))
  try {
    if (answered && newest) sessionStorage.setItem(positionKey, formatPosition(newest))
  } catch {
    // Without a place to keep it, the server's own memory of the last write is what counts.
  }
}

const age = { seconds: 0, listeners: new Set<() => void>() }
/** How old the data of the report that was read last are, when a replica answered that is behind; 0: as new as can be. */
export const dataAge = {
  read: () => age.seconds,
  subscribe: (listener: () => void) => {
    age.listeners.add(listener)
    return () => void age.listeners.delete(listener)
  },
  keep: (seconds: number) => {
    age.seconds = seconds
    for (const listener of age.listeners) listener()
  },
}

type Part<O extends Operation, K extends 'params' | 'query' | 'body'> = Record<never, never> extends Static<O[K]> ? { [P in K]?: Static<O[K]> } : { [P in K]: Static<O[K]> }
export type CallOptions = { version?: number; idempotencyKey?: string; signal?: AbortSignal }
export type CallInput<O extends Operation> = Part<O, 'params'> & Part<O, 'query'> & Part<O, 'body'> & CallOptions
type LooseInput = { params?: Record<string, unknown>; query?: Record<string, unknown>; body?: unknown } & CallOptions
/** The arguments after the operation: none are needed when nothing in the input is required. */
export type CallArguments<O extends Operation> = Record<never, never> extends CallInput<O> ? [input?: CallInput<O>] : [input: CallInput<O>]

export async function call<O extends Operation>(op: O, ...[input]: CallArguments<O>): Promise<ReplyOf<O>> {
  const given = (input ?? {}) as LooseInput
  const headers: Record<string, string> = {}
  let body: string | undefined
  if (op.method !== 'GET' && given.body !== undefined) {
    headers['content-type'] = 'application/json'
    body = JSON.stringify(given.body)
  }
  if (op.ifMatch) headers['if-match'] = given.version === undefined ? '*' : `"${given.version}"`
  const isKeyed = op.keyed
  if (isKeyed) headers['idempotency-key'] = given.idempotencyKey ?? randomKey()
  const response = await send(op.method, urlOf(op, given), headers, body, given.signal, isKeyed || op.method === 'GET' ? 2 : 0)
  if (op.replica === true) dataAge.keep(Number(response.headers.get('x-bitcorp-data-age') ?? 0))
  return (response.status === 204 ? null : await response.json()) as ReplyOf<O>
}

/** Sends a file as the body of an operation that takes one. */
export async function upload<O extends Operation>(op: O, file: Blob, input: { params?: Static<O['params']>; query?: Static<O['query']>; signal?: AbortSignal }): Promise<ReplyOf<O>> {
  const isWorkbook = file.type.includes('spreadsheetml') || (file instanceof File && /\.xlsx$/i.test(file.name))
  const type = isWorkbook ? 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' : 'text/csv'
  const response = await send(op.method, urlOf(op, input as LooseInput), { 'content-type': type }, file, input.signal, 0)
  return (await response.json()) as ReplyOf<O>
}

/** Sends a file as the one file of a form, and tells how much has left (0 to 1), which fetch cannot. */
export function uploadForm<O extends Operation>(op: O, file: File, input: { params?: Static<O['params']>; onProgress?: (share: number) => void }): Promise<ReplyOf<O>> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const form = new FormData()
    form.append('file', file, file.name)
    const url = urlOf(op, input as LooseInput)
    request.open(op.method, url)
    request.setRequestHeader('accept-language', state.language)
    if (state.csrf) request.setRequestHeader('x-csrf-token', state.csrf)
    request.upload.onprogress = (event) => event.lengthComputable && input.onProgress?.(event.loaded / event.total)
    request.onerror = () => reject(offline())
    request.onload = () => {
      keepPosition(request.getResponseHeader(positionHeader))
      if (request.status < 300) return resolve(JSON.parse(request.responseText) as ReplyOf<O>)
      problemOf(new Response(request.responseText, { status: request.status }), url).then(reject, reject)
    }
    request.send(form)
  })
}

const offline = () => new ProblemError({ type: 'urn:bitcorp:problem:offline', title: '', status: 0, code: 'offline', detail: state.offline, errors: [], request_id: '' })

/** Fetches a file and gives it to the person, under the name the server chose. */
export async function download<O extends Operation>(op: O, input: { params?: Static<O['params']>; query?: Static<O['query']> }, fallbackName: string): Promise<void> {
  const response = await send(op.method, urlOf(op, input as LooseInput), {}, undefined, undefined, 1)
  const said = response.headers.get('content-disposition') ?? ''
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(said)?.[1]
  const named = encoded ? decodeURIComponent(encoded) : /filename="?([^";]+)"?/.exec(said)?.[1]
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await response.blob())
  link.download = named ?? fallbackName
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

export function urlOf(op: Operation, input: { params?: Record<string, unknown>; query?: Record<string, unknown> }): string {
  const path = op.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(input.params?.[name] ?? '')))
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value))
  }
  const text = query.toString()
  return text ? `${path}?${text}` : path
}

/** `retries`: how often to try again when the network or the database was away; only for what may safely be sent twice. */
async function send(method: string, url: string, headers: Record<string, string>, body: BodyInit | undefined, signal: AbortSignal | undefined, retries: number): Promise<Response> {
  const all: Record<string, string> = { accept: 'application/json', 'accept-language': state.language, ...headers }
  if (method !== 'GET' && state.csrf) all['x-csrf-token'] = state.csrf
  const position = lastPosition()
  if (position) all[positionHeader] = position
  for (let attempt = 0; ; attempt++) {
    try {
      const early = method === 'GET' ? await takeAhead(url) : undefined
      const response = early ?? (await fetch(url, { method, headers: all, credentials: 'same-origin', ...(body === undefined ? {} : { body }), ...(signal ? { signal } : {}) }))
      keepPosition(response.headers.get(positionHeader))
      if (response.ok) return response
      if (response.status === 503 && attempt < retries) await pause(1000 * (attempt + 1))
      else throw await problemOf(response, url)
    } catch (error) {
      if (error instanceof ProblemError || signal?.aborted) throw error
      if (attempt >= retries) throw offline()
      await pause(600 * (attempt + 1))
    }
  }
}

/** What public/first.js asked for before this script was there: good for one use, at the beginning. */
function takeAhead(url: string): Promise<Response | undefined> | undefined {
  const { ahead } = globalThis as { ahead?: Record<string, Promise<Response | undefined>> }
  const early = ahead?.[url]
  if (early) delete ahead[url]
  // Who comes for it late wants to see what is there by now.
  return performance.now() < 20_000 ? early : undefined
}

async function problemOf(response: Response, url: string): Promise<ProblemError> {
  const known = (await response.json().catch(() => null)) as Problem | null
  const problem =
    known && typeof known.detail === 'string'
      ? { ...known, errors: known.errors ?? [] }
      : { type: '', title: '', status: response.status, code: 'unknown', detail: state.offline, errors: [], request_id: '' }
  if (response.status === 401 && !url.startsWith('/api/v1/session')) state.onSignedOut()
  return new ProblemError(problem)
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** crypto.randomUUID is missing on plain http addresses of a local network. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

// Reading and writing through the contracts in components: cached reads, pages of a list, and writes that refresh what is shown.
import { keepPreviousData, type QueryClient, type UseInfiniteQueryResult, type UseQueryResult, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Static } from 'typebox'
import type { Operation, ReplyOf } from '../plain/operation.ts'
import { type CallInput, type CallOptions, call, ProblemError } from './client.ts'
import { notifyDone, notifyProblem } from './notify.tsx'
import { type Me, meKey, useMaybeCompany } from './session.tsx'

type Rest<O extends Operation> = Omit<Static<O['params']>, 'company_id'>
type Part<K extends string, T> = Record<never, never> extends T ? { [P in K]?: T } : { [P in K]: T }
/** What a component gives to a call: the company of the address is filled in. */
export type Input<O extends Operation> = Part<'params', Rest<O>> & Part<'query', Static<O['query']>> & Part<'body', Static<O['body']>> & CallOptions
type ReadInput<O extends Operation> = Part<'params', Rest<O>> & Part<'query', Static<O['query']>>
type ReadOptions = { enabled?: boolean; keep?: boolean; staleTime?: number; refetchInterval?: number }

/** Fills in the company of the address and calls. */
export function useCall(): <O extends Operation>(op: O, input: Input<O>) => Promise<ReplyOf<O>> {
  const company = useMaybeCompany()
  return (op, input) => {
    const params = { ...(company ? { company_id: company.company_id } : {}), ...(input as { params?: object }).params }
    return (call as (op: Operation, input: unknown) => Promise<never>)(op, { ...input, params })
  }
}

/** A company that first demands something of its person refuses all else, so it is not asked. Looked at with each request: what the last answer said of it may not be drawn yet. */
function useIsAsked(op: Operation, enabled = true): () => boolean {
  const queries = useQueryClient()
  const id = useMaybeCompany()?.company_id
  return () => enabled && !(op.path.includes('{company_id}') && queries.getQueryData<Me>(meKey)?.companies.some((company) => company.company_id === id && company.needs))
}

/** One read. `keep` shows the last answer while another one loads. */
export function useRead<O extends Operation>(op: O, input: ReadInput<O>, options: ReadOptions = {}): UseQueryResult<ReplyOf<O>, Error> {
  const company = useMaybeCompany()
  const send = useCall()
  return useQuery({
    queryKey: [op.id, company?.company_id ?? null, input],
    queryFn: ({ signal }) => send(op, { ...input, signal } as unknown as Input<O>),
    ...(options.keep ? { placeholderData: keepPreviousData } : {}),
    enabled: useIsAsked(op, options.enabled),
    ...(options.staleTime === undefined ? {} : { staleTime: options.staleTime }),
    ...(options.refetchInterval === undefined ? {} : { refetchInterval: options.refetchInterval }),
  }) as UseQueryResult<ReplyOf<O>, Error>
}

type ItemOf<O extends Operation> = ReplyOf<O> extends { items: (infer T)[] } ? T : never
export type ListResult<T> = { items: T[] | undefined; pages: T[][] | undefined; total: number | undefined; query: UseInfiniteQueryResult<unknown, Error> }

type PageOf<O extends Operation> = { items: ItemOf<O>[]; next_cursor: string | null; total?: number }
const pagesOf = <O extends Operation>(op: O, companyId: string | null, input: ReadInput<O>, send: (op: O, input: Input<O>) => Promise<ReplyOf<O>>) => ({
  queryKey: [op.id, companyId, 'list', input],
  initialPageParam: undefined as string | undefined,
  queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) => {
    const given = (input as { query?: object }).query
    return send(op, { ...input, query: pageParam ? { ...given, cursor: pageParam } : given, signal } as unknown as Input<O>) as unknown as Promise<PageOf<O>>
  },
  getNextPageParam: (page: PageOf<O>) => page.next_cursor ?? undefined,
})

/** Fetches the first page of a list before anything asks for it: `useList` with the same input finds it there. */
export function fetchAhead<O extends Operation>(queries: QueryClient, op: O, companyId: string, input: ReadInput<O>): Promise<void> {
  const send = (_: O, given: Input<O>) => (call as (op: Operation, input: unknown) => Promise<never>)(op, { ...given, params: { company_id: companyId } })
  return queries.prefetchInfiniteQuery(pagesOf(op, companyId, input, send))
}

/** A list by keyset: `query.fetchNextPage()` loads what follows. */
export function useList<O extends Operation>(op: O, input: ReadInput<O>, options: ReadOptions = {}): ListResult<ItemOf<O>> {
  const company = useMaybeCompany()
  const send = useCall()
  const query = useInfiniteQuery({
    ...pagesOf(op, company?.company_id ?? null, input, send),
    placeholderData: keepPreviousData,
    enabled: useIsAsked(op, options.enabled),
  })
  const pages = useMemo(() => query.data?.pages.map((page) => page.items), [query.data])
  const items = useMemo(() => pages?.flat(), [pages])
  return { items, pages, total: query.data?.pages[0]?.total, query }
}

type ActionOptions<R> = {
  /** Sentence shown when it went well. */
  done?: string | ((reply: R) => string)
  onDone?: (reply: R) => void
  /** The caller shows refusals itself, as a form does. */
  quiet?: boolean
}

/** A write: afterwards everything shown is read again, and a refusal is told. */
export function useAction<O extends Operation>(op: O, options: ActionOptions<ReplyOf<O>> = {}) {
  const send = useCall()
  const queries = useQueryClient()
  return useMutation<ReplyOf<O>, Error, Input<O>>({
    mutationFn: (input) => send(op, input),
    onSuccess: async (reply) => {
      if (options.done) notifyDone(typeof options.done === 'string' ? options.done : options.done(reply))
      options.onDone?.(reply)
      await queries.invalidateQueries()
    },
    onError: (error) => {
      if (!options.quiet) notifyProblem(error)
      if (error instanceof ProblemError && (error.status === 409 || error.status === 412)) void queries.invalidateQueries()
    },
  })
}

export type { CallInput }

// The one form: places the server's refusals at their fields, and loses nothing when somebody else saved first.
import { Alert, Button, Group, List, Stack } from '@mantine/core'
import { type FormErrors, type UseFormReturnType, useForm } from '@mantine/form'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useRef, useState } from 'react'
import { ProblemError, randomKey } from './client.ts'
import { type Conflict, ConflictDialog } from './conflict.tsx'
import { UnsavedGuard } from './dialog.tsx'
import { useTranslation } from './i18n.ts'

export type Values = Record<string, unknown>

export type SaveFormOptions<V extends Values, R> = {
  initial: V
  /** The version that was read; left out for something new. */
  version?: number
  /** Sends the values; `version` is the one to name in If-Match, `base` what it held, `key` the same when the same values are sent again. */
  save: (values: V, version: number | undefined, sent: { base: V; key: string }) => Promise<R>
  /** Reads what is stored now, after somebody else saved first. Needed with `version`. */
  reload?: () => Promise<{ values: V; version: number }>
  onSaved: (reply: R) => void
  validate?: (values: V) => FormErrors
  /** The field at which a refusal stands that names no field itself, by the code of the problem. */
  places?: Partial<Record<string, keyof V & string>>
}

export type SaveForm<V extends Values> = {
  form: UseFormReturnType<V>
  submit: () => void
  saving: boolean
  problem: ProblemError | null
  conflict: Conflict<V> | null
  resolve: (values: V) => void
  dropConflict: () => void
}

export function useSaveForm<V extends Values, R>(options: SaveFormOptions<V, R>): SaveForm<V> {
  const form = useForm<V>({ initialValues: options.initial, ...(options.validate ? { validate: options.validate } : {}) })
  const queries = useQueryClient()
  const base = useRef({ values: options.initial, version: options.version })
  const last = useRef({ text: '', key: '' })
  const [saving, setSaving] = useState(false)
  const [problem, setProblem] = useState<ProblemError | null>(null)
  const [conflict, setConflict] = useState<Conflict<V> | null>(null)

  const send = async (values: V) => {
    setSaving(true)
    setProblem(null)
    try {
      const text = JSON.stringify(values)
      if (last.current.text !== text) last.current = { text, key: randomKey() }
      const reply = await options.save(values, base.current.version, { base: base.current.values, key: last.current.key })
      form.resetDirty(values)
      // The next save from the same form starts from what this one stored.
      if (base.current.version !== undefined && typeof (reply as { version?: unknown } | null)?.version === 'number') {
        base.current = { values, version: (reply as { version: number }).version }
      }
      await queries.invalidateQueries()
      options.onSaved(reply)
    } catch (error) {
      await takeRefusal(error, values)
    } finally {
      setSaving(false)
    }
  }
  const takeRefusal = async (error: unknown, values: V) => {
    if (!(error instanceof ProblemError)) throw error
    if (error.status === 412 && options.reload) {
      const theirs = await options.reload().catch((failed: unknown) => failed)
      if (theirs && typeof theirs === 'object' && 'values' in theirs) return setConflict({ base: base.current.values, mine: values, theirs: theirs as { values: V; version: number } })
    }
    setProblem(error)
    const place = options.places?.[error.code]
    form.setErrors({ ...(place ? { [place]: error.message } : {}), ...placeErrors(error, values) })
    focusFirstError()
  }
  return {
    form,
    saving,
    problem,
    conflict,
    submit: () => {
      if (saving) return
      form.onSubmit((values) => void send(values), focusFirstError)()
    },
    resolve: (values) => {
      if (!conflict) return
      base.current = conflict.theirs
      setConflict(null)
      form.setValues(values)
      void send(values)
    },
    dropConflict: () => setConflict(null),
  }
}

/** Errors by form field: `purchase_price.amount` belongs to `purchase_price` when the form has that alone. */
function placeErrors(error: ProblemError, values: Values): FormErrors {
  const placed: FormErrors = {}
  for (const { field, detail } of error.problem.errors) {
    const name = fieldFor(field, values)
    if (name !== undefined && placed[name] === undefined) placed[name] = detail
  }
  return placed
}

function fieldFor(field: string, values: Values): string | undefined {
  const parts = field.split('.')
  const [first = ''] = parts
  if (!(first in values)) return undefined
  const inner = values[first]
  return parts.length > 1 && inner && typeof inner === 'object' ? field : first
}

function focusFirstError(): void {
  setTimeout(() => (document.querySelector('[aria-invalid="true"]') as HTMLElement | null)?.focus(), 30)
}

type FormBodyProps<V extends Values> = {
  state: SaveForm<V>
  children: ReactNode
  submitLabel: string
  onCancel?: () => void
  /** The names of fields, for the comparison after a conflict. */
  labels?: Partial<Record<keyof V & string, string>>
  /** How a field's value reads in that comparison. */
  show?: (field: keyof V & string, value: unknown) => ReactNode
  /** Asks before leaving with unsaved input; for forms that are a page. */
  guard?: boolean
}

export function FormBody<V extends Values>({ state, children, submitLabel, onCancel, labels, show, guard }: FormBodyProps<V>) {
  const { t } = useTranslation()
  const { problem, form } = state
  const elsewhere = problem?.problem.errors.filter((error) => fieldFor(error.field, form.values) === undefined && error.detail !== problem.message) ?? []
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        state.submit()
      }}
    >
      <Stack>
        {problem && (
          <Alert color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} role="alert" className="alert-bad">
            {problem.message}
            {elsewhere.length > 0 && (
              <List size="sm" mt={4}>
                {elsewhere.map((error) => (
                  <List.Item key={error.field}>{error.detail}</List.Item>
                ))}
              </List>
            )}
          </Alert>
        )}
        {children}
        <Group justify="flex-end" className="form-buttons">
          {onCancel && (
            <Button variant="default" onClick={onCancel}>
              {t('web.cancel')}
            </Button>
          )}
          <Button type="submit" loading={state.saving}>
            {submitLabel}
          </Button>
        </Group>
      </Stack>
      {state.conflict && <ConflictDialog conflict={state.conflict} labels={labels ?? {}} {...(show ? { show } : {})} onResolve={state.resolve} onClose={state.dropConflict} />}
      {guard && <UnsavedGuard when={form.isDirty() && !state.saving} />}
    </form>
  )
}

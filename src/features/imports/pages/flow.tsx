// The steps of an import in the page: a file is chosen, looked at as often as its reading is corrected, and applied once.
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { ProblemError, randomKey, upload } from '../../../web/client.ts'
import { notifyProblem } from '../../../web/notify.tsx'
import { useCompany } from '../../../web/session.tsx'
import { type ImportResult, importEquipment } from '../contract.ts'

export type Answers = { mapping: Record<number, string>; dateOrder?: 'dmy' | 'mdy' | 'iso' | undefined; decimal?: 'comma' | 'point' | undefined; headerRow?: number | undefined }
export type ImportFlow = {
  file: File | null
  look: ImportResult | null
  done: ImportResult | null
  problem: ProblemError | null
  busy: 'look' | 'apply' | null
  answers: Answers
  progressId: string
  choose: (file: File) => Promise<void>
  answer: (answers: Partial<Answers>) => void
  apply: () => Promise<void>
  reset: () => void
}

type State = Pick<ImportFlow, 'file' | 'look' | 'done' | 'problem' | 'busy' | 'answers' | 'progressId'>
const start: State = { file: null, look: null, done: null, problem: null, busy: null, answers: { mapping: {} }, progressId: '' }

export function useImport(): ImportFlow {
  const company = useCompany()
  const queries = useQueryClient()
  const [state, setState] = useState(start)
  const running = useRef<AbortController | null>(null)

  const send = async (file: File, answers: Answers, dryRun: boolean) => {
    running.current?.abort()
    const control = new AbortController()
    running.current = control
    const progressId = randomKey().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    setState((now) => ({ ...now, file, answers, progressId, busy: dryRun ? 'look' : 'apply', problem: null }))
    try {
      const query = {
        file_name: file.name.slice(-255),
        progress_id: progressId,
        ...(dryRun ? { dry_run: 'true' as const } : {}),
        ...(Object.keys(answers.mapping).length ? { mapping: JSON.stringify(answers.mapping) } : {}),
        ...(answers.dateOrder ? { date_order: answers.dateOrder } : {}),
        ...(answers.decimal ? { decimal: answers.decimal } : {}),
        ...(answers.headerRow ? { header_row: answers.headerRow } : {}),
      }
      const result = await upload(importEquipment, file, { params: { company_id: company.company_id }, query, signal: control.signal })
      setState((now) => ({ ...now, busy: null, ...(dryRun ? { look: result } : { done: result }) }))
      if (!dryRun) await queries.invalidateQueries()
    } catch (error) {
      if (control.signal.aborted) return
      const problem = error instanceof ProblemError ? error : null
      setState((now) => ({ ...now, busy: null, problem }))
      if (!problem) notifyProblem(error)
      // Someone changed a machine since the look: what is wrong now stands in a new one.
      if (!dryRun && problem?.code === 'import_rows_invalid') await send(file, answers, true)
    }
  }

  return {
    ...state,
    choose: async (chosen) => {
      // Held in memory: a file that is saved anew while it is looked at could not be sent again.
      const file = new File([await chosen.arrayBuffer()], chosen.name, { type: chosen.type })
      setState({ ...start, file })
      await send(file, start.answers, true)
    },
    answer: (answers) => {
      if (state.file) void send(state.file, { ...state.answers, ...answers }, true)
    },
    apply: async () => {
      if (state.file) await send(state.file, state.answers, false)
    },
    reset: () => {
      running.current?.abort()
      setState(start)
    },
  }
}

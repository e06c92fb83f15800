// The evidence of `verify isolation` for a person: one line a table, view, secret and function, in numbers; or every attempt.
import { print, printTable } from '../../base/command.ts'
import type { Evidence, IsolationReport } from './isolation.ts'

const reached = (what: string) => what.startsWith('reached')
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
const rowsOf = (sees: number | string) => (typeof sees === 'number' ? sees : 0)

export function printEvidence(report: IsolationReport, all: boolean): void {
  if (all) printAttempts(report.evidence)
  else
    printGroups(
      report.evidence,
      (e) => e.table,
      ['table', 'rows', 'identities', 'see rows', 'at most', 'of others', 'may change', 'of others', 'write to others', 'erase'],
      (lines) => [
        lines[0]?.rows ?? 0,
        lines.length,
        lines.filter((e) => rowsOf(e.sees) > 0).length,
        Math.max(...lines.map((e) => rowsOf(e.sees))),
        sum(lines.map((e) => e.foreign)),
        lines.filter((e) => e.may_update > 0).length,
        sum(lines.map((e) => e.update_foreign)),
        lines.filter((e) => reached(e.insert_other)).length,
        lines.filter((e) => reached(e.deletes)).length,
      ],
    )
  const seen = (lines: readonly { sees: number | string; foreign: number }[]) => [
    lines.length,
    lines.filter((e) => e.sees === 'no right').length,
    lines.filter((e) => rowsOf(e.sees) > 0).length,
    sum(lines.map((e) => e.foreign)),
  ]
  print('')
  printGroups(report.views, (e) => e.view, ['view', 'identities', 'no right', 'see rows', 'of others'], seen)
  print('')
  printGroups(report.secrets, (e) => e.secret, ['secret', 'identities', 'no right', 'see rows', 'of others'], seen)
  print('')
  const shown = report.objects.filter((object) => object.for && !/^(table|function)$/.test(object.kind))
  printTable(
    ['object', 'for', 'name'],
    shown.map((object) => [object.kind, object.for, object.name]),
  )
  print('')
}

function printGroups<Line>(lines: readonly Line[], of: (line: Line) => string, headers: string[], numbers: (lines: Line[]) => number[]): void {
  const groups = new Map<string, Line[]>()
  for (const line of lines) groups.set(of(line), [...(groups.get(of(line)) ?? []), line])
  printTable(
    headers,
    [...groups].map(([called, some]) => [called, ...numbers(some).map(String)]),
  )
}

function printAttempts(evidence: readonly Evidence[]): void {
  printTable(
    ['table', 'identity', 'rows', 'sees', 'of others', 'may change', 'of others', 'insert own', 'insert other', 'update', 'delete'],
    evidence.map((e) => [e.table, e.identity, e.rows, e.sees, e.foreign, e.may_update, e.update_foreign, e.insert_own, e.insert_other, e.updates, e.deletes].map(String)),
  )
}

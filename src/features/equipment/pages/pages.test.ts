// What the machine's page works out by itself: amounts as people write them, what a save sends, and what the timeline tells as one moment.
import { describe, expect, it } from 'vitest'
import type { TimelineEntry } from '../contract.ts'
import { changeOf, emptyMachine, faultsOf, inputOf, readAmount, writeAmount } from './fields.ts'
import { momentsOf } from './moments.ts'
import { words } from './words.ts'

describe('amounts', () => {
  it.each([
    ['1234.5', '1234.50'],
    ['1,234.50', '1234.50'],
    ['1.234,50', '1234.50'],
    ['1234,5', '1234.50'],
    ['1,234', '1234.00'],
    ['1.234', '1234.00'],
    ['1 234 567', '1234567.00'],
    ['1.234.567', '1234567.00'],
    ['0', '0.00'],
    ['0.05', '0.05'],
    ['999,999,999,999.99', '999999999999.99'],
  ])('reads %s', (text, amount) => expect(readAmount(text)).toBe(amount))
  it.each(['', 'abc', '-5', '1.2.3', '1,23,456', '12.3456', '1.234,567', '1e5', '1234567890123', '1,', ',5', '12,34.50'])('does not read %s', (text) => expect(readAmount(text)).toBeNull())
  it('reads back what it writes', () => {
    for (const amount of ['0.00', '7.05', '999.90', '1000.00', '123456789012.34']) expect(readAmount(writeAmount(amount))).toBe(amount)
  })
})

describe('a save', () => {
  const base = { ...emptyMachine('PEN'), name: 'Excavadora', ownership: 'rented' as const, purchase_price: '1,000.00', specifications: { potencia_hp: 150 } }
  it('sends only what differs, and nothing for another spelling of the same', () => {
    expect(changeOf({ ...base, purchase_price: '1000', name: ' Excavadora ' }, base)).toEqual({})
    expect(changeOf({ ...base, plate: 'ABC-123' }, base)).toEqual({ plate: 'ABC-123' })
    expect(changeOf({ ...base, purchase_price: '' }, base)).toEqual({ purchase_price: null })
  })
  it('leaves the code out when it is empty, and empty specifications too', () => {
    expect('serial_number' in inputOf(base)).toBe(false)
    expect(inputOf({ ...base, specifications: { a: '', b: 0, c: false } }).specifications).toEqual({ b: 0, c: false })
    expect(inputOf({ ...base, depreciation_rate: '12,5' }).depreciation_rate).toBe('0.125')
  })
  it('wants date and price of an owned machine alone, and what the category requires', () => {
    const fields = (ownership: 'owned' | 'rented') =>
      faultsOf({ ...base, purchase_price: '', ownership }, [{ key: 'tambor', label: 'Tambor', type: 'text', required: true }]).map((fault) => fault.field)
    expect(fields('owned')).toEqual(['purchase_date', 'purchase_price', 'specifications.tambor'])
    expect(fields('rented')).toEqual(['specifications.tambor'])
  })
  it('has a sentence in both languages for each fault', () => {
    const broken = { ...emptyMachine('PEN'), serial_number: 'X', current_value: 'x', year: '99', depreciation_rate: '200', specifications: { n: 'x' } }
    const codes = faultsOf(broken, [
      { key: 'n', label: 'N', type: 'number' },
      { key: 'm', label: 'M', type: 'text', required: true },
    ]).map((fault) => fault.code)
    expect(new Set(codes).size).toBe(9)
    for (const code of codes) for (const language of ['es', 'en'] as const) expect((words[language].machine as Record<string, string>)[code], `${language} ${code}`).toBeTruthy()
  })
})

describe('moments', () => {
  const entry = (event_type: string, more: Partial<TimelineEntry>): TimelineEntry => ({
    id: crypto.randomUUID(),
    event_type,
    occurred_at: '2026-11-23T12:00:00.010Z',
    recorded_by: 'boss',
    recorded_by_name: 'Luis',
    reason: null,
    holder_name: null,
    old: {},
    new: {},
    ...more,
  })
  const given = entry('assignment_created', { holder_name: 'Ana', new: { user_id: 'ana', notes: 'turno' } })
  const back = entry('assignment_returned', { holder_name: 'Beto', occurred_at: '2026-11-23T12:00:00.002Z', new: { return_notes: 'turno' } })
  it('tells a return and a hand-over in one step as a transfer', () => {
    expect(momentsOf([given, back]).map(({ kind, from, notes }) => ({ kind, from, notes }))).toEqual([{ kind: 'transferred', from: 'Beto', notes: 'turno' }])
  })
  it('keeps them apart when they were two steps', () => {
    expect(momentsOf([given, { ...back, occurred_at: '2026-11-23T11:59:00Z' }]).map((moment) => moment.kind)).toEqual(['handed_over', 'returned'])
    expect(momentsOf([given, { ...back, recorded_by: 'ana' }]).map((moment) => moment.kind)).toEqual(['handed_over', 'returned'])
  })
  it('tells who takes for themselves, and does not stop at an event it does not know', () => {
    expect(momentsOf([{ ...given, recorded_by: 'ana' }, entry('equipment_sung', {})]).map((moment) => moment.kind)).toEqual(['taken', 'other'])
  })
})

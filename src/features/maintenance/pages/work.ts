// What the dialogs of maintenance speak about, and how their fields become values.
import type { MaintenanceType } from '../contract.ts'

export type Machine = { id: string; name: string }
/** The record of work that a step is about. */
export type Work = { id: string; type: MaintenanceType; title: string | null; scheduled_date: string; machine: Machine }

export const textOrNull = (text: string) => text.trim() || null
export const readingOrNull = (text: string) => text.trim().replace(',', '.') || null

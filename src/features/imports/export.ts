// The columns of exported machines, whose headers and values an import understands, so that an export comes back unchanged.

import type { SheetColumn } from '../../base/sheet.ts'
import type { Translate } from '../../plain/translate.ts'
import { headerOfSpecification } from './columns.ts'
import { importFields } from './contract.ts'
import { type Existing, valueText } from './plan.ts'

const days = new Set(['purchase_date', 'last_maintenance_date', 'next_maintenance_date', 'warranty_expires_at'])
const numbers = new Set(['purchase_price', 'current_value', 'salvage_value', 'depreciation_rate', 'maintenance_interval_days', 'year'])

type ExportColumn = SheetColumn<Existing>

export function exportColumns(keys: string[], labels: ReadonlyMap<string, string>, t: Translate): ExportColumn[] {
  const fields = importFields.map(
    (field): ExportColumn => ({
      header: t(`imports.field_${field}`),
      isDay: days.has(field),
      value: (machine) => {
        if (field === 'category') return machine.category_path
        if (field === 'status' || field === 'ownership' || field === 'maintenance_rule') return t(`imports.${field}_${machine[field]}`)
        if (field === 'tags') return machine.tags.length ? valueText(machine.tags) : null
        const value = machine[field]
        return value !== null && numbers.has(field) ? Number(value) : value
      },
    }),
  )
  const specifications = keys.map(
    (key): ExportColumn => ({
      header: headerOfSpecification(key, labels),
      isDay: false,
      value: ({ specifications: all }) => {
        const value = Object.hasOwn(all, key) ? all[key] : null
        return typeof value === 'number' ? value : value === null || value === undefined ? null : valueText(value)
      },
    }),
  )
  return [...fields, ...specifications]
}

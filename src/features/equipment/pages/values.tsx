// How the values of a machine's fields read, wherever they stand: summary, timeline, comparison after a conflict.
import { useMemo } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useRead } from '../../../web/query.ts'
import { type Category, listCategories, type SpecificationField } from '../../categories/contract.ts'

const days = new Set(['purchase_date', 'last_maintenance_date', 'next_maintenance_date', 'warranty_expires_at'])
const none = '–'

export function useCategories(): Category[] | undefined {
  return useRead(listCategories, {}, { staleTime: 300_000 }).data?.items
}

/** A category and all above it, root first. */
export function branchOf(categories: readonly Category[], id: string | null): Category[] {
  const own = categories.find((category) => category.id === id)
  return own ? [...branchOf(categories, own.parent_id), own] : []
}

export const templateOf = (categories: readonly Category[], id: string | null): readonly SpecificationField[] => categories.find((category) => category.id === id)?.inherited_template ?? []

/** The category above from which this one has the field; undefined for its own. */
export function inheritedFrom(categories: readonly Category[], id: string | null, key: string): Category | undefined {
  const origin = branchOf(categories, id).findLast((category) => category.specification_template.some((field) => field.key === key))
  return origin?.id === id ? undefined : origin
}

/** `ancho_de_hoja` reads "Ancho de hoja" where no template names it. A key has no ñ, and its commonest word must not do without. */
export function labelOfKey(key: string): string {
  const text = key.replaceAll('_', ' ').replace(/\b(a|tama)no(s?)\b/gi, '$1ño$2')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function keyOfLabel(label: string): string {
  const plain = label
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[_0-9]+|_+$/g, '')
  return plain.slice(0, 50)
}

export type Show = (field: string, value: unknown, currency?: string) => string

export function useShow(): { show: Show; label: (field: string) => string; showSpecification: (value: unknown, field?: SpecificationField) => string } {
  const { t, i18n } = useTranslation()
  const format = useFormat()
  const categories = useCategories()
  return useMemo(() => {
    const showSpecification = (value: unknown, field?: SpecificationField): string => {
      if (value === null || value === undefined || value === '') return none
      if (typeof value === 'boolean') return t(value ? 'web.yes' : 'web.no')
      if (field?.type === 'date' && typeof value === 'string') return format.day(value)
      const text = typeof value === 'number' ? format.number(value) : typeof value === 'object' ? JSON.stringify(value) : String(value)
      return field?.unit ? `${text} ${field.unit}` : text
    }
    const show: Show = (field, value, currency = 'PEN') => {
      if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return none
      if (days.has(field)) return format.day(String(value))
      if (field === 'status' || field === 'ownership') return t(`equipment.${field}_${value}`)
      if (field === 'maintenance_rule') return t(`machine.rule_${value}`)
      if (field === 'purchase_price' || field === 'current_value' || field === 'salvage_value') return format.money({ amount: String(value), currency })
      if (field === 'depreciation_rate') return format.percent(String(value))
      if (field === 'category_id') return categories?.find((category) => category.id === value)?.name ?? t('machine.other_category')
      if (Array.isArray(value)) return value.join(', ')
      if (typeof value === 'object')
        return (
          Object.entries(value)
            .map(([key, inner]) => `${labelOfKey(key)}: ${showSpecification(inner)}`)
            .join(' · ') || none
        )
      return String(value)
    }
    return {
      show,
      showSpecification,
      label: (field) =>
        field === 'specifications'
          ? t('machine.tab_specifications')
          : i18n.exists(`machine.${field}`)
            ? t(`machine.${field}`)
            : i18n.exists(`equipment.${field}`)
              ? t(`equipment.${field}`)
              : labelOfKey(field),
    }
  }, [t, i18n, format, categories])
}

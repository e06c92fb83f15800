// Specification fields to read: what each asks for, and the category it comes from.
import { Table, Text } from '@mantine/core'
import { useTranslation } from '../../../web/i18n.ts'
import { PageLink } from '../../../web/url.tsx'
import type { SpecificationField } from '../contract.ts'
import type { FieldOrigin } from './branches.ts'

/** `own`: the category whose fields are called its own; the others are links to theirs. */
export function FieldTable({ label, fields, own }: { label: string; fields: readonly FieldOrigin[]; own?: string }) {
  const { t } = useTranslation()
  return (
    <section className="list-scroll" aria-label={label}>
      <Table verticalSpacing={6} className="list-table field-table">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('categories.field_label')}</Table.Th>
            <Table.Th>{t('categories.field_type')}</Table.Th>
            <Table.Th>{t('categories.field_from')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {fields.map(({ field, origin, replaces }) => (
            <Table.Tr key={`${origin.id} ${field.key}`}>
              <Table.Th scope="row">
                {field.label}
                {field.required && <Text className="field-required">{t('categories.required')}</Text>}
              </Table.Th>
              <Table.Td>{describeField(field, t)}</Table.Td>
              <Table.Td>
                {origin.id === own ? (
                  t('categories.own')
                ) : (
                  <PageLink to="/categories" search={{ category: origin.id }}>
                    {origin.name}
                  </PageLink>
                )}
                {replaces && (
                  <Text size="xs" c="dimmed">
                    {t('categories.replaces', { category: replaces.name })}
                  </Text>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  )
}

/** "number, m³" or "choice: Diesel, Electric". */
export function describeField(field: SpecificationField, t: (key: string) => string): string {
  const type = t(`categories.type_${field.type}`)
  if (field.type === 'choice') return `${type}: ${(field.choices ?? []).join(', ')}`
  return field.unit ? `${type}, ${field.unit}` : type
}

// The columns a list of machines can show, and the card that stands for them on a phone.
import { Badge, Group, Text } from '@mantine/core'
import { useMemo } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import type { Column } from '../../../web/table.tsx'
import type { Equipment } from '../contract.ts'
import { HolderCell, ServiceCell, ServiceDate, StatusBadge } from './status.tsx'

const text = (value: string | number | null) => value ?? <span className="dimmed">–</span>

const makerOf = (machine: Equipment) => [machine.manufacturer, machine.model].filter(Boolean).join(' ')

export function useEquipmentColumns(): Column<Equipment>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(() => {
    const field = (key: keyof Equipment & string, options: Partial<Column<Equipment>> = {}): Column<Equipment> => ({
      key,
      title: t(`equipment.${key}`),
      sort: key,
      render: (row) => text(row[key] as string | null),
      ...options,
    })
    const day = (key: keyof Equipment & string, extra = true) => field(key, { extra, render: (row) => <span className="nowrap">{format.day(row[key] as string | null)}</span> })
    const money = (key: 'purchase_price' | 'current_value') => field(key, { extra: true, align: 'right', render: (row) => <span className="nowrap">{format.money(row[key])}</span> })
    return [
      field('name', {
        width: 214,
        render: (row) => (
          <>
            {row.name}
            <span className="cell-second">{makerOf(row)}</span>
          </>
        ),
      }),
      { key: 'code', width: 146, title: t('equipment.code'), sort: 'serial_number', render: (row) => <span className="mono nowrap">{row.fleet_code ?? row.serial_number}</span> },
      field('status', { width: 172, render: (row) => <StatusBadge status={row.status} /> }),
      { key: 'holder', width: 150, title: t('equipment.holder'), render: (row) => <HolderCell machine={row} /> },
      { key: 'category', width: 170, title: t('equipment.category'), extra: true, render: (row) => text(row.category_name) },
      { key: 'maker', width: 170, title: t('equipment.maker_model'), sort: 'manufacturer', extra: true, render: (row) => text(makerOf(row) || null) },
      field('location', { width: 168, render: (row) => <span title={row.location ?? undefined}>{text(row.location)}</span> }),
      field('next_maintenance_date', { width: 150, render: (row) => <ServiceCell machine={row} /> }),
      field('serial_number', { extra: true, width: 170, render: (row) => <span className="mono nowrap">{row.serial_number}</span> }),
      field('fleet_code', { extra: true }),
      field('manufacturer_serial_number', { extra: true, width: 170, render: (row) => <span className="mono">{text(row.manufacturer_serial_number)}</span> }),
      field('plate', { extra: true }),
      field('year', { extra: true }),
      field('ownership', { extra: true, render: (row) => t(`equipment.ownership_${row.ownership}`) }),
      money('purchase_price'),
      money('current_value'),
      day('purchase_date'),
      day('last_maintenance_date'),
      day('warranty_expires_at'),
      {
        key: 'tags',
        title: t('equipment.tags'),
        extra: true,
        render: (row) => (
          <Group gap={4}>
            {row.tags.map((tag) => (
              <Badge key={tag} variant="default" tt="none">
                {tag}
              </Badge>
            ))}
          </Group>
        ),
      },
      field('created_at', { extra: true, width: 160, render: (row) => <span className="nowrap">{format.instant(row.created_at)}</span> }),
      field('updated_at', { extra: true, width: 160, render: (row) => <span className="nowrap">{format.instant(row.updated_at)}</span> }),
    ]
  }, [t, format])
}

export function MachineCard({ machine }: { machine: Equipment }) {
  const detail = [machine.manufacturer, machine.model, machine.year].filter(Boolean).join(' ')
  return (
    <>
      <Group justify="space-between" wrap="nowrap" align="flex-start" gap="xs">
        <Text fw={650} component="span">
          {machine.name}
        </Text>
        <StatusBadge status={machine.status} />
      </Group>
      <Text size="sm" c="dimmed">
        <span className="mono">{machine.fleet_code ?? machine.serial_number}</span>
        {detail && ` · ${detail}`}
      </Text>
      <Group gap="xs" mt={6} fz="sm" justify="space-between">
        <HolderCell machine={machine} />
        {machine.next_maintenance_date && <ServiceDate machine={machine} />}
      </Group>
      {machine.location && (
        <Text size="sm" c="dimmed" mt={4}>
          {machine.location}
        </Text>
      )}
    </>
  )
}

// The choice of a kind of work.
import { Group, Radio } from '@mantine/core'
import { useTranslation } from '../../../web/i18n.ts'
import { maintenanceTypes } from '../contract.ts'

export function TypeField(props: object) {
  const { t } = useTranslation()
  return (
    <Radio.Group label={t('maintenance.type')} required {...props}>
      <Group mt="xs">
        {maintenanceTypes.map((type) => (
          <Radio key={type} value={type} label={t(`maintenance.type_${type}`)} />
        ))}
      </Group>
    </Radio.Group>
  )
}

// How far a running look or import is.
import { Progress, Text } from '@mantine/core'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useRead } from '../../../web/query.ts'
import { getImportProgress } from '../contract.ts'

export function ImportProgress({ id, isApply }: { id: string; isApply: boolean }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { data } = useRead(getImportProgress, { params: { progress_id: id } }, { refetchInterval: 400, staleTime: 0, enabled: id !== '' })
  const share = data?.phase === 'writing' && data.total > 0 ? Math.round((data.done / data.total) * 90) + 10 : data?.phase === 'done' ? 100 : data?.phase === 'checking' ? 10 : 4
  const words = data ? t(`imports.phase_${data.phase}`, { done: format.number(data.done), total: format.number(data.total) }) : t('imports.looking')
  return (
    <div className="surface" role="status">
      <Text size="sm" mb={6}>
        {isApply && data?.phase === 'writing' ? words : data?.phase === 'writing' ? `${t('imports.looking')} ${words}` : words}
      </Text>
      <Progress.Root size="lg">
        <Progress.Section value={share} animated aria-label={t('imports.progress')} />
      </Progress.Root>
    </div>
  )
}

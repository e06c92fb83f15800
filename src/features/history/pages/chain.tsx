// Where the chain of the audit stands, a checkpoint of it to take away, and the check.
import { Button, Group, Text } from '@mantine/core'
import { IconDownload, IconLink, IconShieldCheck } from '@tabler/icons-react'
import { useState } from 'react'
import { download } from '../../../web/client.ts'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone, notifyProblem } from '../../../web/notify.tsx'
import { useRead } from '../../../web/query.ts'
import { useCompany } from '../../../web/session.tsx'
import { getAuditChain, getAuditCheckpoint } from '../contract.ts'
import { CheckDialog } from './check.tsx'

const counted = 10_000

export function ChainPanel() {
  const { t } = useTranslation()
  const format = useFormat()
  const [checking, setChecking] = useState(false)
  const chain = useRead(getAuditChain, {})
  const { newest = null, waiting = 0 } = chain.data ?? {}
  return (
    <section className="surface chain-panel" aria-labelledby="chain-title">
      <div className="panel-head">
        <h2 id="chain-title" className="with-icon">
          <IconLink size={18} aria-hidden /> {t('history.chain')}
        </h2>
        <Group gap="xs">
          <CheckpointButton onSaved={() => void chain.refetch()} />
          <Button size="compact-sm" variant="default" leftSection={<IconShieldCheck size={16} aria-hidden />} onClick={() => setChecking(true)}>
            {t('history.check')}
          </Button>
        </Group>
      </div>
      <Text size="sm" c="dimmed" mb="sm">
        {t('history.chain_text')}
      </Text>
      <dl className="fact-list" aria-busy={chain.isPending}>
        <div>
          <dt>{t('history.chain_rows')}</dt>
          <dd>{format.number(newest?.position ?? (chain.data ? 0 : null))}</dd>
        </div>
        <div>
          <dt>{t('history.chain_waiting')}</dt>
          <dd>{waiting > counted ? t('history.chain_waiting_many') : format.number(chain.data ? waiting : null)}</dd>
        </div>
        <div>
          <dt>{t('history.chain_newest')}</dt>
          <dd>{newest ? t('history.chain_link', { position: format.number(newest.position), at: format.instant(newest.chained_at) }) : t('history.chain_none')}</dd>
        </div>
        {newest && (
          <div className="chain-hash">
            <dt>{t('history.chain_hash')}</dt>
            <dd className="mono">{newest.hash}</dd>
          </div>
        )}
      </dl>
      {checking && (
        <CheckDialog
          onClose={() => {
            setChecking(false)
            void chain.refetch()
          }}
        />
      )}
    </section>
  )
}

function CheckpointButton({ onSaved }: { onSaved: () => void }) {
  const { t } = useTranslation()
  const company = useCompany()
  const [busy, setBusy] = useState(false)
  const save = async () => {
    setBusy(true)
    try {
      await download(getAuditCheckpoint, { params: { company_id: company.company_id } }, `${t('history.checkpoint_name')}.json`)
      notifyDone(t('history.checkpoint_saved'))
      onSaved()
    } catch (error) {
      notifyProblem(error)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Button size="compact-sm" variant="default" loading={busy} leftSection={<IconDownload size={16} aria-hidden />} onClick={() => void save()}>
      {t('history.checkpoint_save')}
    </Button>
  )
}

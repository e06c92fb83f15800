// The audit as a file: what the filters show, for a spreadsheet or for a program.
import { Button, Menu } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { download } from '../../../web/client.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyProblem } from '../../../web/notify.tsx'
import { useCompany } from '../../../web/session.tsx'
import { type auditFormats, exportAudit } from '../contract.ts'

export function ExportMenu({ filters }: { filters: Record<string, string> }) {
  const { t } = useTranslation()
  const company = useCompany()
  const queries = useQueryClient()
  const [busy, setBusy] = useState(false)
  const save = async (format: (typeof auditFormats)[number]) => {
    setBusy(true)
    await download(exportAudit, { params: { company_id: company.company_id }, query: { ...filters, format } }, `${t('history.export_name')}.${format}`).catch(notifyProblem)
    setBusy(false)
    // The export is an entry of the audit itself: what was read before lacks it.
    await queries.invalidateQueries()
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" loading={busy} leftSection={<IconDownload size={18} aria-hidden />}>
          {t('history.export')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown maw={280}>
        <Menu.Label>{t('history.export_hint')}</Menu.Label>
        <Menu.Item onClick={() => void save('xlsx')}>Excel (XLSX)</Menu.Item>
        <Menu.Item onClick={() => void save('csv')}>CSV</Menu.Item>
        <Menu.Item onClick={() => void save('ndjson')}>{t('history.export_ndjson')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

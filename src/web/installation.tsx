// The links between the pages that look after the installation itself; each page stands in its room.
import { useTranslation } from './i18n.ts'
import { PageLink } from './url.tsx'

const places = [
  ['/installation', 'web.installation_load'],
  ['/installation/backups', 'web.installation_backups'],
  ['/installation/replicas', 'web.installation_replicas'],
] as const

export function InstallationTabs({ here }: { here: (typeof places)[number][0] }) {
  const { t } = useTranslation()
  return (
    <nav className="subnav" aria-label={t('web.installation_pages')}>
      {places.map(([to, label]) => (
        <PageLink key={to} to={to} aria-current={to === here ? 'page' : undefined}>
          {t(label)}
        </PageLink>
      ))}
    </nav>
  )
}

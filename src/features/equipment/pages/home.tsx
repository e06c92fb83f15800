// A page of machines.
import { useTranslation } from 'react-i18next'
import { Page } from '../../../web/page.tsx'

export function HomePage() {
  const { t } = useTranslation()
  return <Page title={t('web.nav_home')}>{null}</Page>
}

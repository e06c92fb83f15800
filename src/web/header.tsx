// The right side of the header: search, company, language, light or dark, and the account.
import { ActionIcon, Avatar, Button, Menu, Text, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { IconBuilding, IconCheck, IconChevronDown, IconLanguage, IconLogout, IconMoon, IconSearch, IconSun, IconUserCircle } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import type { Language } from '../plain/words.ts'
import { useTranslation } from './i18n.ts'
import { notifyProblem } from './notify.tsx'
import { usePhone } from './phone.ts'
import { useMaybeCompany, useSession } from './session.tsx'
import { useGo } from './url.tsx'

export const languages: readonly { code: Language; name: string }[] = [
  { code: 'es', name: 'Español' },
  { code: 'en', name: 'English' },
]

/** `onPalette` is left out where there is nowhere to go. */
export function HeaderTools({ onPalette }: { onPalette?: () => void }) {
  const { t } = useTranslation()
  const phone = usePhone()
  const shortcut = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘ K' : 'Ctrl K'
  return (
    <div className="shell-tools">
      <CompanySwitch />
      <span className="spacer" />
      {onPalette &&
        (phone ? (
          <ActionIcon variant="subtle" color="gray" size="xl" aria-label={t('web.palette')} onClick={onPalette}>
            <IconSearch size={22} />
          </ActionIcon>
        ) : (
          <Button variant="default" className="palette-button" leftSection={<IconSearch size={16} aria-hidden />} rightSection={<kbd>{shortcut}</kbd>} onClick={onPalette}>
            {t('web.palette')}
          </Button>
        ))}
      {!phone && <LanguageMenu />}
      {!phone && <SchemeToggle />}
      <AccountMenu phone={phone ?? false} />
    </div>
  )
}

function CompanySwitch() {
  const { t } = useTranslation()
  const { me } = useSession()
  const company = useMaybeCompany()
  const navigate = useNavigate()
  if (!company) return null
  if (me.companies.length === 1)
    return (
      <Text component="span" fw={600} size="sm" truncate className="company-name">
        {company.name}
      </Text>
    )
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <UnstyledButton className="company-switch" aria-label={`${t('web.switch_company')}: ${company.name}`}>
          <IconBuilding size={18} aria-hidden />
          <Text component="span" fw={600} size="sm" truncate>
            {company.name}
          </Text>
          <IconChevronDown size={16} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('web.company')}</Menu.Label>
        {me.companies.map((other) => (
          <Menu.Item
            key={other.company_id}
            onClick={() => void navigate({ to: `/c/${other.company_id}`, search: {} as never })}
            leftSection={other.company_id === company.company_id ? <IconCheck size={16} aria-hidden /> : <IconBuilding size={16} aria-hidden />}
            aria-current={other.company_id === company.company_id || undefined}
          >
            {other.name}
            <Text size="xs" c="dimmed">
              {t(`web.role_${other.role}`)}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function LanguageItems() {
  const { i18n } = useTranslation()
  const { setLanguage } = useSession()
  return languages.map(({ code, name }) => (
    <Menu.Item
      key={code}
      lang={code}
      onClick={() => setLanguage(code)}
      leftSection={i18n.language === code ? <IconCheck size={16} aria-hidden /> : <span className="icon-space" />}
      aria-current={i18n.language === code || undefined}
    >
      {name}
    </Menu.Item>
  ))
}

function LanguageMenu() {
  const { t, i18n } = useTranslation()
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="subtle" color="gray" className="quiet" px="xs" leftSection={<IconLanguage size={18} aria-hidden />} aria-label={t('web.language')}>
          {i18n.language.toUpperCase()}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <LanguageItems />
      </Menu.Dropdown>
    </Menu>
  )
}

/** `keepTransitions`: stopping them takes a style element, which the content security policy refuses. */
export function useScheme(): { dark: boolean; toggle: () => void } {
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true })
  const dark = useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark'
  return { dark, toggle: () => setColorScheme(dark ? 'light' : 'dark') }
}

export function SchemeToggle() {
  const { t } = useTranslation()
  const { dark, toggle } = useScheme()
  const label = t(dark ? 'web.to_light' : 'web.to_dark')
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" className="quiet" size="lg" aria-label={label} onClick={toggle}>
        {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
      </ActionIcon>
    </Tooltip>
  )
}

function AccountMenu({ phone }: { phone: boolean }) {
  const { t } = useTranslation()
  const { me, signOut } = useSession()
  const company = useMaybeCompany()
  const { dark, toggle } = useScheme()
  const go = useGo()
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton className="account-button" aria-label={`${t('web.account')}: ${me.user.full_name}`}>
          <Avatar size={34} radius="xl" color="steel" variant="filled" aria-hidden>
            {initials(me.user.full_name)}
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div className="account-head">
          <Text fw={600} truncate>
            {me.user.full_name}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {me.user.email}
          </Text>
          {company && (
            <Text size="xs" c="dimmed">
              {t(`web.role_${company.role}`)} · {company.name}
            </Text>
          )}
        </div>
        <Menu.Divider />
        {company && (
          <Menu.Item leftSection={<IconUserCircle size={16} aria-hidden />} onClick={() => go('/account')}>
            {t('web.account')}
          </Menu.Item>
        )}
        {phone && (
          <Menu.Item leftSection={dark ? <IconSun size={16} aria-hidden /> : <IconMoon size={16} aria-hidden />} onClick={toggle}>
            {t(dark ? 'web.to_light' : 'web.to_dark')}
          </Menu.Item>
        )}
        {phone && <Menu.Label>{t('web.language')}</Menu.Label>}
        {phone && <LanguageItems />}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => void signOut().catch(() => notifyProblem(t('web.sign_out_failed')))}>
          {t('web.sign_out')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

const initials = (name: string) =>
  name
    .split(/\s+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => word[0]?.toUpperCase())
    .join('')

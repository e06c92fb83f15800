// The rarer things about a person: a link to choose a password, their tax id, and taking their name out for good.
import { Alert, List, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useState } from 'react'
import { looksMistyped } from '../../../plain/ruc.ts'
import { ConfirmDialog, Dialog } from '../../../web/dialog.tsx'
import { HiddenDialog, HiddenValue } from '../../../web/hidden-value.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone, notifyProblem } from '../../../web/notify.tsx'
import { useAction, useCall } from '../../../web/query.ts'
import { changePersonTaxId, revealPersonTaxId } from '../../companies/contract.ts'
import { anonymisePerson, getPerson, type Person, sendPasswordLink } from '../contract.ts'

type Props = { person: Person; onClose: () => void }

export function PasswordLinkDialog({ person, onClose }: Props) {
  const { t } = useTranslation()
  const send = useAction(sendPasswordLink, {
    onDone: ({ mail }) => {
      ;(mail === 'sent' ? notifyDone : notifyProblem)(t(`access.mail_${mail}`, { email: person.email }))
      onClose()
    },
  })
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={t('access.link_title', { name: person.display_name })}
      confirm={t('access.link_send')}
      busy={send.isPending}
      onConfirm={() => send.mutate({ params: { person_id: person.id } })}
    >
      {t('access.link_text', { email: person.email })}
    </ConfirmDialog>
  )
}

export function PersonTaxIdDialog({ person, onClose }: Props) {
  const { t } = useTranslation()
  const send = useCall()
  const params = { person_id: person.id }
  const [writing, setWriting] = useState(false)
  const title = t('access.tax_id_of', { name: person.display_name })
  if (writing)
    return (
      <HiddenDialog
        title={title}
        label={t('access.tax_id')}
        hint={t('access.tax_id_write')}
        field="tax_id"
        version={person.version}
        saved={t('access.tax_id_saved')}
        doubt={(value) => (looksMistyped(value) ? t('companies.tax_id_doubt') : undefined)}
        save={(tax_id, version) => send(changePersonTaxId, { params, body: { tax_id }, ...(version === undefined ? {} : { version }) })}
        reload={async () => (await send(getPerson, { params })).version}
        onClose={onClose}
      />
    )
  return (
    <Dialog opened onClose={onClose} title={title}>
      <HiddenValue
        label={t('access.tax_id')}
        mask={person.tax_id_mask}
        none={t('access.tax_id_none')}
        hint={t('access.tax_id_hint')}
        showing={revealPersonTaxId}
        changing={changePersonTaxId}
        reveal={async () => (await send(revealPersonTaxId, { params })).tax_id}
        onChange={() => setWriting(true)}
      />
    </Dialog>
  )
}

export function AnonymiseDialog({ person, onClose }: Props) {
  const { t } = useTranslation()
  const anonymise = useAction(anonymisePerson, { quiet: true, done: t('access.anonymised_done'), onDone: onClose })
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={t('access.anonymise_title', { name: person.display_name })}
      confirm={t('access.anonymise')}
      danger
      busy={anonymise.isPending}
      onConfirm={() => anonymise.mutate({ params: { person_id: person.id }, version: person.version })}
    >
      <Stack gap="sm">
        {anonymise.error && (
          <Alert color="red" role="alert" className="alert-bad" icon={<IconAlertTriangle aria-hidden />}>
            {anonymise.error.message}
          </Alert>
        )}
        <List spacing={6}>
          {['access', 'tokens'].map((what) => (
            <List.Item key={what}>{t(`access.end_${what}`)}</List.Item>
          ))}
          {['name', 'account', 'history'].map((what) => (
            <List.Item key={what}>{t(`access.anonymise_${what}`)}</List.Item>
          ))}
        </List>
        <Text fw={600}>{t('access.anonymise_final')}</Text>
      </Stack>
    </ConfirmDialog>
  )
}

// Something shown this once: stays until the person says it is kept, and can be copied.
import { Button, Group, Stack, Text, TextInput, Title } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from './i18n.ts'

type SecretProps = { title: string; text: string; fields: { label: string; value: string }[]; onDone: () => void; children?: ReactNode }

export function SecretPanel({ title, text, fields, onDone, children }: SecretProps) {
  const { t } = useTranslation()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return (
    <section className="surface secret" aria-labelledby="secret-title">
      <Stack>
        <div>
          <Title order={2} id="secret-title" ref={heading} tabIndex={-1}>
            {title}
          </Title>
          <Text size="sm">{text}</Text>
        </div>
        {fields.map((field) => (
          <CopyField key={field.label} {...field} />
        ))}
        {children}
        <Group justify="flex-end">
          <Button onClick={onDone}>{t('web.secret_kept')}</Button>
        </Group>
      </Stack>
    </section>
  )
}

/** On a plain http address the browser gives no clipboard: the text is then selected, to be copied by key. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const { t } = useTranslation()
  const input = useRef<HTMLInputElement>(null)
  const [state, setState] = useState<'copied' | 'selected' | null>(null)
  const copy = async () => {
    input.current?.select()
    try {
      await navigator.clipboard.writeText(value)
      setState('copied')
    } catch {
      setState('selected')
    }
  }
  const CopyIcon = state === 'copied' ? IconCheck : IconCopy
  return (
    <div>
      <Group gap="xs" align="flex-end" wrap="nowrap">
        <TextInput ref={input} label={label} value={value} readOnly className="grow" classNames={{ input: 'mono' }} onFocus={(event) => event.currentTarget.select()} />
        <Button variant="default" leftSection={<CopyIcon size={16} aria-hidden />} aria-label={`${t('web.copy')}: ${label}`} onClick={() => void copy()}>
          {t(state === 'copied' ? 'web.copied' : 'web.copy')}
        </Button>
      </Group>
      <Text size="xs" c="dimmed" role="status">
        {state === 'selected' ? t('web.copy_by_key') : state === 'copied' ? <span className="visually-hidden">{t('web.copied')}</span> : null}
      </Text>
    </div>
  )
}

// How a thing is as it changes hands: in words, one of some conditions, and what its meter reads.
import { Group, Radio, Textarea, TextInput } from '@mantine/core'

export type StateValues = { notes: string; condition: string; meter_reading: string }
export const noState: StateValues = { notes: '', condition: '', meter_reading: '' }

/** As the server takes it: nothing is null, a decimal comma a point. */
export function stateOf<C extends string>({ notes, condition, meter_reading }: StateValues): { notes: string | null; condition: C | null; meter_reading: string | null } {
  return { notes: notes.trim() || null, condition: (condition || null) as C | null, meter_reading: meter_reading.trim().replace(',', '.') || null }
}

type StateFieldsProps = {
  form: { getInputProps: (path: string) => object }
  conditions: readonly string[]
  /** Gives the words of notes, notes_hint, condition, condition_<each> and meter. */
  say: (key: string) => string
  autoFocus?: boolean
}

export function StateFields({ form, conditions, say, autoFocus }: StateFieldsProps) {
  return (
    <>
      <Textarea label={say('notes')} description={say('notes_hint')} autosize minRows={2} maxLength={2000} {...(autoFocus ? { 'data-autofocus': true } : {})} {...form.getInputProps('notes')} />
      <Radio.Group label={say('condition')} {...form.getInputProps('condition')}>
        <Group gap="lg" mt={6} mb={4}>
          {conditions.map((value) => (
            <Radio key={value} value={value} label={say(`condition_${value}`)} />
          ))}
        </Group>
      </Radio.Group>
      <TextInput label={say('meter')} inputMode="decimal" maxLength={10} {...form.getInputProps('meter_reading')} />
    </>
  )
}

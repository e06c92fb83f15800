// What the records say.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      fk_domain_events_company: 'There is no such company.',
      de_aggregate_type_valid: 'There is no such kind of record.',
      de_event_version_positive: 'Versions count from one.',
      de_event_data_object: 'The data of an event must be a set of named values.',
      de_version_once: 'Someone else changed this at the same moment. Try again.',
      fk_audit_logs_company: 'There is no such company.',
      audit_logs_action_not_empty: 'An audit entry names its action.',
    },
  },
  es: {
    problems: {
      fk_domain_events_company: 'No existe esa empresa.',
      de_aggregate_type_valid: 'No existe esa clase de registro.',
      de_event_version_positive: 'Las versiones cuentan desde uno.',
      de_event_data_object: 'Los datos de un evento deben ser un conjunto de valores con nombre.',
      de_version_once: 'Otra persona cambió esto en el mismo momento. Intente de nuevo.',
      fk_audit_logs_company: 'No existe esa empresa.',
      audit_logs_action_not_empty: 'Una entrada de auditoría indica su acción.',
    },
  },
} satisfies Words

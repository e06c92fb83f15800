// What the company says.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      companies_name_not_empty: 'Write the name of the company.',
      companies_email_valid: 'This is not a valid e-mail address.',
      companies_phone_not_empty: 'Write the telephone number or leave it out.',
      companies_address_object: 'The address must have the fields street, city, region, country, postal_code.',
      companies_status_valid: 'A company is active, inactive or suspended.',
      companies_settings_valid: 'The settings must be time_zone, currency (three letters) and language (es or en).',
      companies_search_key_unique: 'The company could not be made. Try again.',
      companies_time_zone_known: 'This time zone is not known. Write one such as America/Lima.',
    },
  },
  es: {
    problems: {
      companies_name_not_empty: 'Escriba el nombre de la empresa.',
      companies_email_valid: 'No es un correo electrónico válido.',
      companies_phone_not_empty: 'Escriba el teléfono o déjelo vacío.',
      companies_address_object: 'La dirección debe tener los campos street, city, region, country, postal_code.',
      companies_status_valid: 'Una empresa está activa, inactiva o suspendida.',
      companies_settings_valid: 'La configuración debe ser time_zone, currency (tres letras) y language (es o en).',
      companies_search_key_unique: 'No se pudo crear la empresa. Intente de nuevo.',
      companies_time_zone_known: 'No se conoce esta zona horaria. Escriba una como America/Lima.',
    },
  },
} satisfies Words

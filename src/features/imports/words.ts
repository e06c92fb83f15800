// What imports and exports say.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      fk_import_batches_company: 'There is no such company.',
      import_batches_file_name_not_empty: 'The file needs a name.',
      import_batches_counts_valid: 'The counts of the import do not agree.',
      import_batches_mapping_length: 'The mapping names too many columns.',
      import_batches_mapping_object: 'The mapping must name a field for each column.',
    },
  },
  es: {
    problems: {
      fk_import_batches_company: 'No existe esa empresa.',
      import_batches_file_name_not_empty: 'El archivo necesita un nombre.',
      import_batches_counts_valid: 'Los totales de la importación no coinciden.',
      import_batches_mapping_length: 'La asignación nombra demasiadas columnas.',
      import_batches_mapping_object: 'La asignación debe nombrar un campo para cada columna.',
    },
  },
} satisfies Words

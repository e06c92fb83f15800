// What the category tree says.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      fk_category_company: 'There is no such company.',
      fk_category_parent: 'There is no such category to put it under.',
      category_name_not_empty: 'Write the name of the category.',
      category_description_length: 'The description may have 4,000 characters.',
      category_type_code_form: 'The type code has two capital letters, such as EX.',
      category_interval_range: 'The service interval lies between 1 and 3650 days.',
      category_choices_given: 'A field with choices needs its choices (1 to 100); other fields have none.',
      category_template_length: 'The specification fields are too long altogether. Use fewer or shorter ones.',
      category_template_valid: 'Each specification field needs its own key (small letters, digits, _), a label and a type; a choice needs its choices.',
      idx_equipment_categories_sibling_name: 'There is a category with this name here already.',
      category_no_circle: 'A category cannot be put below itself.',
      category_depth: 'The tree may be 20 levels deep.',
      category_in_use: 'This category still holds categories or machines. Move them first.',
    },
  },
  es: {
    problems: {
      fk_category_company: 'No existe esa empresa.',
      fk_category_parent: 'No existe la categoría superior indicada.',
      category_name_not_empty: 'Escriba el nombre de la categoría.',
      category_description_length: 'La descripción puede tener 4000 caracteres.',
      category_type_code_form: 'El código de tipo tiene dos letras mayúsculas, como EX.',
      category_interval_range: 'El intervalo de servicio va de 1 a 3650 días.',
      category_choices_given: 'Un campo de lista necesita sus opciones (de 1 a 100); los demás no llevan.',
      category_template_length: 'Los campos de especificación son demasiado largos en total. Use menos o más cortos.',
      category_template_valid: 'Cada campo de especificación necesita su propia clave (minúsculas, dígitos, _), una etiqueta y un tipo; una lista necesita sus opciones.',
      idx_equipment_categories_sibling_name: 'Ya hay aquí una categoría con este nombre.',
      category_no_circle: 'Una categoría no puede ponerse debajo de sí misma.',
      category_depth: 'El árbol puede tener 20 niveles.',
      category_in_use: 'Esta categoría todavía contiene categorías o máquinas. Muévalas primero.',
    },
  },
} satisfies Words

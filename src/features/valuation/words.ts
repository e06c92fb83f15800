// What the value of machines says.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      equipment_salvage_value_range: 'A salvage value cannot be negative.',
      equipment_salvage_below_price: 'The salvage value cannot be more than the purchase price.',
    },
    valuation: {
      fleet_title: 'Fleet value',
    },
  },
  es: {
    problems: {
      equipment_salvage_value_range: 'El valor residual no puede ser negativo.',
      equipment_salvage_below_price: 'El valor residual no puede superar el precio de compra.',
    },
    valuation: {
      fleet_title: 'Valor de la flota',
    },
  },
} as const satisfies Words

// What utilization says.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      fk_efp_equipment: 'There is no such machine.',
      efp_period_valid: 'A machine leaves the fleet after it entered it, and at real times.',
      fk_eum_equipment: 'There is no such machine.',
      eum_month_first_day: 'A month is written by its first day.',
      cum_month_first_day: 'A month is written by its first day.',
    },
    utilization: {
      title: 'Utilization',
      export_name: 'utilization',
      column_serial_number: 'Code',
      column_fleet_code: 'Fleet code',
      column_equipment_name: 'Name',
      column_category_name: 'Category',
      column_month: 'Month',
      column_assignment_count: 'Assignments',
      column_assigned_hours: 'Hours assigned',
      column_available_hours: 'Hours in the fleet',
      column_utilization: 'Utilization',
    },
  },
  es: {
    problems: {
      fk_efp_equipment: 'No existe ese equipo.',
      efp_period_valid: 'Un equipo sale de la flota después de entrar en ella, y en momentos reales.',
      fk_eum_equipment: 'No existe ese equipo.',
      eum_month_first_day: 'Un mes se escribe con su primer día.',
      cum_month_first_day: 'Un mes se escribe con su primer día.',
    },
    utilization: {
      title: 'Utilización',
      export_name: 'utilizacion',
      column_serial_number: 'Código',
      column_fleet_code: 'Código de flota',
      column_equipment_name: 'Nombre',
      column_category_name: 'Categoría',
      column_month: 'Mes',
      column_assignment_count: 'Asignaciones',
      column_assigned_hours: 'Horas asignadas',
      column_available_hours: 'Horas en la flota',
      column_utilization: 'Utilización',
    },
  },
} as const satisfies Words

// What hand-overs say.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      fk_ea_equipment: 'There is no such machine.',
      fk_ea_user: 'This person does not belong to the company, or no longer does.',
      fk_ea_assigned_by: 'There is no such account.',
      fk_ea_returned_by: 'There is no such account.',
      ea_times_finite: 'A hand-over needs real times.',
      ea_returned_after_assigned: 'A machine cannot be returned before it was handed over.',
      ea_due_after_assigned: 'The due date must be later than the hand-over.',
      ea_returned_by_required: 'A return names who took the machine back.',
      ea_notes_length: 'Notes may have 2,000 characters.',
      ea_one_holder_at_a_time: 'Someone has this machine already. Take it back first, or transfer it.',
      idx_equipment_assignments_open: 'Someone has this machine already. Take it back first, or transfer it.',
      ea_machine_active: 'Only an active machine can be handed over; this one is in status {{detail}}.',
      ea_not_in_future: 'A hand-over happens now or lies in the past.',
      ea_facts_fixed: 'A hand-over or return that happened stays as it was.',
      ea_nothing_to_return: 'Nobody has this machine at the moment.',
      ea_transfer_to_another: 'This person has the machine already.',
    },
  },
  es: {
    problems: {
      fk_ea_equipment: 'No existe esa máquina.',
      fk_ea_user: 'Esta persona no pertenece a la empresa, o ya no.',
      fk_ea_assigned_by: 'No existe esa cuenta.',
      fk_ea_returned_by: 'No existe esa cuenta.',
      ea_times_finite: 'Una entrega necesita fechas reales.',
      ea_returned_after_assigned: 'Una máquina no puede devolverse antes de entregarse.',
      ea_due_after_assigned: 'La fecha de devolución debe ser posterior a la entrega.',
      ea_returned_by_required: 'Una devolución indica quién recibió la máquina.',
      ea_notes_length: 'Las notas pueden tener 2000 caracteres.',
      ea_one_holder_at_a_time: 'Alguien ya tiene esta máquina. Recíbala primero o transfiérala.',
      idx_equipment_assignments_open: 'Alguien ya tiene esta máquina. Recíbala primero o transfiérala.',
      ea_machine_active: 'Solo se entrega una máquina activa; esta tiene el estado {{detail}}.',
      ea_not_in_future: 'Una entrega ocurre ahora o en el pasado.',
      ea_facts_fixed: 'Una entrega o devolución hecha queda como fue.',
      ea_nothing_to_return: 'Nadie tiene esta máquina en este momento.',
      ea_transfer_to_another: 'Esta persona ya tiene la máquina.',
    },
  },
} satisfies Words

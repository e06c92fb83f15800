// What single sign-on says, on the sign-in page and in the records.
import type { Words } from '../../plain/words.ts'

export const words = {
  en: {
    problems: {
      fk_user_identities_user: 'There is no such account.',
      user_identities_subject_not_empty: 'The provider did not say who this is.',
      user_identities_times_finite: 'The sign-in could not be noted.',
      user_identities_subject_unique: 'This person of the provider has an account already.',
      user_identities_one_each: 'This account belongs to another person of the provider.',
      sso_other_person: 'The account with your address belongs to another person of your organisation. Ask who runs this installation.',
    },
    history: {
      action_identity_linked: 'Tied to the sign-in service',
      action_identity_unlinked: 'Untied from the sign-in service',
      say_user_identity_linked: 'first signed in through the organisation',
      say_user_identity_unlinked: 'was untied from the sign-in service',
    },
    single_sign_on: {
      sso_unavailable: 'The sign-in service of your organisation does not answer. Try again, or use your password.',
      sso_refused: 'The sign-in through your organisation did not come through. Start it again from here.',
      sso_stranger: 'There is no active account for you here. Ask an administrator of your company to add your address.',
      sso_unverified: 'Your organisation has not verified your e-mail address, so the account cannot be found by it. Ask who runs its sign-in service.',
      sso_other_person: 'The account with your address belongs to another person of your organisation. Ask who runs this installation.',
      company_suspended: 'This company is suspended. Ask who runs this installation.',
      button: 'Sign in with {{provider}}',
      or: 'or',
    },
  },
  es: {
    problems: {
      fk_user_identities_user: 'No existe esa cuenta.',
      user_identities_subject_not_empty: 'El proveedor no dijo quién es.',
      user_identities_times_finite: 'No se pudo anotar el inicio de sesión.',
      user_identities_subject_unique: 'Esta persona del proveedor ya tiene una cuenta.',
      user_identities_one_each: 'Esta cuenta pertenece a otra persona del proveedor.',
      sso_other_person: 'La cuenta con su correo pertenece a otra persona de su organización. Consulte a quien administra esta instalación.',
    },
    history: {
      action_identity_linked: 'Vinculada al servicio de inicio de sesión',
      action_identity_unlinked: 'Desvinculada del servicio de inicio de sesión',
      say_user_identity_linked: 'inició sesión por su organización por primera vez',
      say_user_identity_unlinked: 'quedó sin vínculo con el servicio de inicio de sesión',
    },
    single_sign_on: {
      sso_unavailable: 'El servicio de inicio de sesión de su organización no responde. Intente de nuevo o use su contraseña.',
      sso_refused: 'El inicio de sesión por su organización no se completó. Empiece otra vez desde aquí.',
      sso_stranger: 'No hay aquí una cuenta activa para usted. Pida a un administrador de su empresa que agregue su correo.',
      sso_unverified: 'Su organización no verificó su correo, así que no se puede encontrar la cuenta por él. Consulte a quien administra su servicio de inicio de sesión.',
      sso_other_person: 'La cuenta con su correo pertenece a otra persona de su organización. Consulte a quien administra esta instalación.',
      company_suspended: 'Esta empresa está suspendida. Consulte a quien administra esta instalación.',
      button: 'Iniciar sesión con {{provider}}',
      or: 'o',
    },
  },
} satisfies Words

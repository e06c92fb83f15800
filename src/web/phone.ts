// Whether the screen is a phone's: the width below which lists become cards and dialogs fill the screen.
import { useMediaQuery } from '@mantine/hooks'

export const usePhone = () => useMediaQuery('(max-width: 47.99em)', undefined, { getInitialValueInEffect: false })

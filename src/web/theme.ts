// How the product looks: colours with enough contrast in light and dark, sizes, and what every component defaults to.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

const steel: MantineColorsTuple = ['#eef5fa', '#dbe8f2', '#b5d0e4', '#8bb6d5', '#689fc8', '#4d8cba', '#347aab', '#1f6594', '#18537b', '#123f5f']

const dark: MantineColorsTuple = ['#e3e7ec', '#bcc4ce', '#a4adb8', '#929ba7', '#46505c', '#2f3740', '#20262d', '#14181d', '#11151a', '#0c0f13']

export const theme = createTheme({
  primaryColor: 'steel',
  primaryShade: { light: 7, dark: 6 },
  colors: { steel, dark },
  autoContrast: true,
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.5rem', lineHeight: '1.25' }, h2: { fontSize: '1.125rem', lineHeight: '1.35' }, h3: { fontSize: '1rem', lineHeight: '1.4' } } },
  components: {
    // Locking the scroll by script needs a style element, which the content security policy refuses; styles.css does it.
    Modal: { defaultProps: { lockScroll: false, centered: true, overlayProps: { backgroundOpacity: 0.5 } } },
    Drawer: { defaultProps: { lockScroll: false } },
    Tooltip: { defaultProps: { withArrow: true, multiline: true, maw: 320, events: { hover: true, focus: true, touch: true } } },
    // Hints stand below, so that the boxes of a row of fields stand on one line.
    InputWrapper: { defaultProps: { inputWrapperOrder: ['label', 'input', 'description', 'error'] } },
    // The list itself scrolls: a scrolling box around it could not be reached by keyboard.
    Select: { defaultProps: { withScrollArea: false, classNames: { options: 'options-scroll' } } },
    Loader: { defaultProps: { type: 'oval' } },
    Menu: { defaultProps: { shadow: 'md', withinPortal: true, withInitialFocusPlaceholder: false } },
    Popover: { defaultProps: { shadow: 'md' } },
    Paper: { defaultProps: { withBorder: true } },
    Card: { defaultProps: { withBorder: true } },
  },
})

/** Corrections of the kit's own variables where its contrast is under 4.5 : 1, and the tones of states. */
export const resolveVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f6f7f9',
    '--mantine-color-text': '#1b2129',
    '--mantine-color-dimmed': '#545d69',
    '--mantine-color-placeholder': '#69727e',
    '--mantine-color-error': '#b42318',
    '--mantine-color-anchor': '#185a87',
    '--mantine-color-default-border': '#c3c9d1',
    '--surface': '#ffffff',
    '--surface-sunken': '#eef0f3',
    '--line': '#dde1e6',
    '--ok': '#17663a',
    '--ok-soft': '#e2f3e8',
    '--warn': '#8a4b00',
    '--warn-soft': '#fdeed6',
    '--bad': '#a61b12',
    '--bad-soft': '#fde7e4',
    '--idle': '#4a5360',
    '--idle-soft': '#e9ecef',
    '--info': '#17527d',
    '--info-soft': '#e0edf7',
  },
  dark: {
    '--mantine-color-body': '#14181d',
    '--mantine-color-text': '#e3e7ec',
    '--mantine-color-dimmed': '#a4adb8',
    '--mantine-color-placeholder': '#929ba7',
    '--mantine-color-error': '#ff9a8f',
    '--mantine-color-anchor': '#8fc1e8',
    '--mantine-color-default': '#20262d',
    '--mantine-color-default-hover': '#2a313a',
    '--menu-item-hover': '#2a313a',
    '--mantine-color-default-border': '#46505c',
    '--surface': '#1b2026',
    '--surface-sunken': '#11151a',
    '--line': '#303841',
    '--ok': '#84d8a4',
    '--ok-soft': '#17351f',
    '--warn': '#f5c070',
    '--warn-soft': '#3c2a0c',
    '--bad': '#ffaba1',
    '--bad-soft': '#431c18',
    '--idle': '#bcc4ce',
    '--idle-soft': '#2b323a',
    '--info': '#a3cff2',
    '--info-soft': '#15324a',
  },
})

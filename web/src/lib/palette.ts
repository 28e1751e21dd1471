/** The design tokens as values, for canvas and WebGL, which cannot read CSS variables. */
export type Dress = 'desk' | 'cockpit'

export interface Palette {
  ground: string
  surface: string
  sunken: string
  line: string
  line2: string
  ink: string
  ink2: string
  ink3: string
  accent: string
  soft: string
  softLine: string
  water: string
  land: string
  ramp: string[]
  levels: Record<1 | 2 | 3 | 4, { fill: string; ink: string }>
  ok: string
  off: string
  font: string
}

/** Reads the tokens that hold at one element (the whole page by default). */
export function palette(at: Element = document.documentElement): Palette {
  const css = getComputedStyle(at)
  const v = (name: string, fallback: string): string => css.getPropertyValue(`--cy-${name}`).trim() || fallback
  const dark = at.closest('[data-dress]')?.getAttribute('data-dress') === 'cockpit'
  return {
    ground: v('ground', '#F4F6F9'),
    surface: v('surface', '#FFFFFF'),
    sunken: v('sunken', '#F9FAFC'),
    line: v('line', '#DFE4EB'),
    line2: v('line-2', '#EDF0F4'),
    ink: v('ink', '#1D2733'),
    ink2: v('ink-2', '#4C5968'),
    ink3: v('ink-3', '#647182'),
    accent: v('accent', '#1F5FBF'),
    soft: v('accent-soft', '#E9F0FB'),
    softLine: v('accent-line', '#B9CFEF'),
    water: v('water', '#DCE6EF'),
    land: v('land', '#F1F3F5'),
    ramp: dark
      ? ['#132A43', '#183757', '#1E466D', '#265784', '#2F699B'].map((f, i) => v(`c${i + 1}`, f))
      : ['#EDF2F8', '#D9E4F1', '#C0D2E8', '#A2BDDC', '#7FA3CD'],
    levels: {
      1: { fill: v('red', '#D9363E'), ink: v('on-red', '#FFFFFF') },
      2: { fill: v('orange', '#F08C2E'), ink: v('on-warm', '#1D2733') },
      3: { fill: v('yellow', '#F2C037'), ink: v('on-warm', '#1D2733') },
      4: { fill: v('blue', '#2F7DD1'), ink: v('on-blue', '#050B13') },
    },
    ok: v('ok', '#3AA675'),
    off: v('off', '#8C96A3'),
    font: v('font', 'system-ui'),
  }
}

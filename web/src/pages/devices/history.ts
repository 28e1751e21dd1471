import type { EChartsCoreOption } from 'echarts/core'

import type { Palette } from '@/lib/palette'

import type { Mark } from './devices'

/** [ms, least, greatest, mean, count] */
export type Point = [number, number, number, number, number]

export const RANGES = { '1h': 1, '6h': 6, '24h': 24, '7d': 168, '30d': 720 } as const
export type RangeKey = keyof typeof RANGES | 'custom'

/**
 * Puts an empty place wherever the device was silent for clearly longer than usual, so that no line is drawn across it.
 * `usual` is the device's own interval; buckets of a long time are wider than that, and then their width counts.
 */
export function withGaps(points: Point[], usual: number): (Point | [number, null, null, null, 0])[] {
  if (points.length < 2) return points
  const steps = points.slice(1).map((p, at) => p[0] - points[at]![0]).sort((a, b) => a - b)
  const typical = steps[Math.floor(steps.length / 2)] ?? usual
  const most = 3 * Math.max(typical, usual)
  return points.flatMap((p, at) => {
    const before = points[at - 1]
    return before && p[0] - before[0] > most ? [[before[0] + 1, null, null, null, 0] as [number, null, null, null, 0], p] : [p]
  })
}

/** Adds a live reading at the end; one that is not newer is left out, and what has left the window goes. */
export function follow(points: Point[], time: number, value: number, since: number): Point[] {
  const last = points[points.length - 1]
  if (last && time <= last[0]) return points
  const kept = points[0] && points[0][0] < since ? points.filter((p) => p[0] >= since) : points
  return [...kept, [time, value, value, value, 1]]
}

export interface ChartWords {
  mean: string
  band: string
  count: string
  letter: (level: number) => string
  number: (value: number) => string
  exact: (ms: number) => string
  axis: (ms: number) => string
}

/** The curve: mean as a line, least to greatest as a band, thresholds as lines in their level's colour. */
export function historyOption(
  given: { points: Point[]; since: number; until: number; unit: string; usual: number; marks: Mark[]; name: string },
  words: ChartWords,
  c: Palette,
): EChartsCoreOption {
  const points = withGaps(given.points, given.usual)
  const values = given.points.flatMap((p) => [p[1], p[2]])
  const [least, greatest] = [Math.min(...values), Math.max(...values)]
  const spread = Math.max(greatest - least, Math.abs(greatest) * 0.02, 1e-6)
  // A threshold far from the curve would press it flat: only those near it are brought into view.
  const near = given.marks.filter((m) => m.value >= least - 2.5 * spread && m.value <= greatest + 2.5 * spread)
  const air = 0.08 * (Math.max(greatest, ...near.map((m) => m.value)) - Math.min(least, ...near.map((m) => m.value)) || spread)
  const wide = given.points.some((p) => p[2] > p[1])
  return {
    animation: false,
    grid: { left: 4, right: 48, top: 16, bottom: 4, containLabel: true },
    textStyle: { fontFamily: c.font, color: c.ink3 },
    tooltip: {
      trigger: 'axis',
      axisPointer: { type: 'line', lineStyle: { color: c.line } },
      formatter: (all: { dataIndex: number }[]) => tip(points[all[0]?.dataIndex ?? -1], given.unit, words),
    },
    xAxis: {
      type: 'time',
      min: given.since,
      max: given.until,
      axisLabel: { fontSize: 12, color: c.ink3, hideOverlap: true, formatter: words.axis },
      axisLine: { lineStyle: { color: c.line } },
      axisTick: { lineStyle: { color: c.line } },
      splitNumber: 6,
    },
    yAxis: {
      type: 'value',
      scale: true,
      // A little air beyond curve and thresholds; the odd numbers at both ends are not written.
      min: given.points.length ? Math.min(least, ...near.map((m) => m.value)) - air : undefined,
      max: given.points.length ? Math.max(greatest, ...near.map((m) => m.value)) + air : undefined,
      axisLabel: { fontSize: 12, color: c.ink3, formatter: words.number, showMinLabel: false, showMaxLabel: false },
      splitLine: { lineStyle: { color: c.line2 } },
      splitNumber: 4,
    },
    series: [
      band('low', points.map((p) => [p[0], p[1]]), 'transparent', c),
      band('range', points.map((p) => [p[0], p[1] === null || p[2] === null ? null : p[2] - p[1]]), wide ? c.accent : 'transparent', c),
      {
        name: given.name,
        type: 'line',
        showSymbol: given.points.length < 3,
        symbolSize: 4,
        connectNulls: false,
        lineStyle: { color: c.accent, width: 1.5 },
        itemStyle: { color: c.accent },
        data: points.map((p) => [p[0], p[3]]),
        markLine: {
          symbol: 'none',
          silent: true,
          data: near.map((m) => ({
            yAxis: m.value,
            lineStyle: { color: c.levels[m.level].fill, type: 'dashed', width: 1.5 },
            label: { formatter: `${words.letter(m.level)} ${words.number(m.value)}`, color: c.ink, fontSize: 12, position: 'end' },
          })),
        },
      },
    ],
  }
}

function band(name: string, data: (number | null)[][], fill: string, c: Palette): object {
  return {
    name,
    type: 'line',
    stack: 'band',
    stackStrategy: 'all',
    showSymbol: false,
    silent: true,
    connectNulls: false,
    lineStyle: { opacity: 0 },
    itemStyle: { color: c.accent },
    areaStyle: fill === 'transparent' ? undefined : { color: fill, opacity: 0.16 },
    tooltip: { show: false },
    data,
  }
}

function tip(p: ReturnType<typeof withGaps>[number] | undefined, unit: string, words: ChartWords): string {
  if (!p || p[3] === null) return ''
  const head = `${words.exact(p[0])}<br><b>${words.number(p[3])}</b> ${unit}`
  if (p[4] <= 1) return head
  return `${head} ${words.mean}<br>${words.number(p[1] as number)} – ${words.number(p[2] as number)} ${words.band}<br>${words.count.replace('#', String(p[4]))}`
}

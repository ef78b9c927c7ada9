import { aboutStart, measureUp, startSubjects } from '../start.mjs'
import { ipcsup, s6 } from '../supervisors.mjs'
import { atMost } from '../verdict.mjs'

/** One thousand processes, and whether the cost grows with the number only. */
export const start1000 = {
  title: '1,000 processes up',
  unit: 'ms',
  about: `${aboutStart} s6-svscan with \`-c 4000\`.`,
  measure: ({ alternate, runs, workshop }) =>
    alternate(
      {
        ...startSubjects([ipcsup, s6], 1000, workshop),
        'ipcsup, 10': () => measureUp(ipcsup, 10, workshop),
        'ipcsup, 100': () => measureUp(ipcsup, 100, workshop),
      },
      runs,
    ),
  judge: medians => [atMost('s6-svscan', medians, 0.6), judgeGrowth(medians)],
}

/** Linear: a further process costs the same among 1,000 as among 100, within 30 %. */
function judgeGrowth(medians) {
  const few = (medians['ipcsup, 100'] - medians['ipcsup, 10']) / 90
  const many = (medians.ipcsup - medians['ipcsup, 100']) / 900
  return {
    target: 'linear: a further process costs at most 1.3× among 1,000 what it costs among 100',
    reached: `${many.toFixed(2)} ms against ${few.toFixed(2)} ms`,
    isMet: many <= few * 1.3,
  }
}

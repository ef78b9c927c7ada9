import { aboutStart, startSubjects } from '../start.mjs'
import { ipcsup, ipcsupTypeScript, pm2, runit, s6, supervisord } from '../supervisors.mjs'
import { atMost } from '../verdict.mjs'

/** One hundred processes, cold from the command line. */
export const start100 = {
  title: '100 processes up',
  unit: 'ms',
  about: aboutStart,
  measure: ({ alternate, runs, workshop }) =>
    alternate(startSubjects([ipcsup, ipcsupTypeScript, s6, runit, supervisord, pm2], 100, workshop), runs),
  judge: medians => [atMost('s6-svscan', medians, 1.3), atMost('pm2-runtime', medians, 0.25)],
}

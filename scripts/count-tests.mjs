/** What vitest's JSON report says, in numbers. */

/**
 * @param report as vitest's `json` reporter writes it; null: it wrote none
 * @returns how many tests passed and failed, and the titles of those that were skipped (by a plan or a condition)
 */
export function countTests(report) {
  const files = report?.testResults ?? []
  const tests = files.flatMap(file => file.assertionResults.map(test => ({ ...test, file: file.name })))
  // A file that cannot be loaded has no tests that could fail: it counts as one.
  const broken = files.filter(file => file.status === 'failed' && !file.assertionResults.some(isFailed))
  return {
    passed: tests.filter(isPassed).length,
    failed: tests.filter(isFailed).length + broken.length,
    skipped: tests.filter(test => !isPassed(test) && !isFailed(test)).map(test => `${test.file}: ${test.fullName}`),
  }
}

/** The one line at the end of `npm test`. */
export function describeCount({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`
}

const isPassed = test => test.status === 'passed'
const isFailed = test => test.status === 'failed'

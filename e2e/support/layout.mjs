// Finds what is laid out badly. The function runs in the page, so it uses nothing from outside of it.

/** The problems of the page as it is shown, as texts. */
export function findLayoutProblems() {
  const problems = [];
  const describe = (element) => element.outerHTML.replace(/\s+/g, ' ').slice(0, 90);
  const dialog = document.querySelector('dialog[open]');
  const isShown = (element) => element.checkVisibility() && !element.closest('.visually-hidden, .skip-link');
  const shown = [...document.body.querySelectorAll('*')].filter((element) => !element.closest('svg *') && isShown(element));
  const box = (element) => element.getBoundingClientRect();

  if (document.documentElement.scrollWidth > innerWidth) problems.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const element of shown) {
    const { left, right } = box(element);
    if (left < -0.5 || right > innerWidth + 0.5) problems.push(`sticks out, ${left} to ${right}: ${describe(element)}`);
    const { overflowX } = getComputedStyle(element);
    const isClipped = overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1;
    if (isClipped && !element.matches('input, dialog, .inline-facts')) problems.push(`is clipped: ${describe(element)}`);
  }

  // Targets: WCAG 2.2, 2.5.8. A link within a sentence may be smaller.
  const isInline = (element) => element.localName === 'a' && getComputedStyle(element).display === 'inline';
  const targets = shown.filter((element) => element.matches('a, button, summary, input:not([type=hidden])'))
    .filter((element) => !dialog || dialog.contains(element));
  const area = (element) => box(element.matches('[type=checkbox]') ? element.closest('label') ?? element : element);
  for (const element of targets.filter((target) => !isInline(target))) {
    const { width, height } = area(element);
    if (width < 24 || height < 24) problems.push(`target of ${width} × ${height}: ${describe(element)}`);
  }
  const overlap = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
  const rects = targets.filter((target) => !isInline(target)).map((element) => [element, box(element)]);
  const header = [...document.querySelectorAll('.site-header-row > *')].filter(isShown).map((element) => [element, box(element)]);
  for (const list of [rects, header]) {
    for (const [index, [element, rect]] of list.entries()) {
      for (const [other, otherRect] of list.slice(index + 1)) {
        const isNested = element.contains(other) || other.contains(element);
        if (!isNested && overlap(rect, otherRect)) problems.push(`overlap: ${describe(element)} and ${describe(other)}`);
      }
    }
  }
  return [...new Set(problems)];
}

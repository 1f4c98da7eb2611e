// What is drawn, measured: returns a list of [rule, where and what].
const found = [];
const say = (rule, text) => found.push([rule, text]);
const short = e => `<${e.localName}${e.id ? ' id=' + e.id : ''} class='${e.className?.baseVal ?? e.className ?? ''}'>`;
const all = selector => [...document.querySelectorAll(selector)];

// The document.
if (!document.documentElement.lang) say('language', 'the page does not say in which it is written');
if (!document.title.trim()) say('title', 'the page has none');
const main = all('h1').length;
if (main !== 1) say('headings', `${main} of the first level`);
let level = 0;
for (const heading of all('h1, h2, h3, h4, h5, h6')) {
  const now = Number(heading.localName[1]);
  if (now > level + 1) say('headings', `${heading.textContent.trim()} skips a level`);
  level = now;
}

// References.
const ids = new Set();
for (const e of all('[id]')) {
  if (ids.has(e.id)) say('ids', `${e.id} is there twice`);
  ids.add(e.id);
}
for (const name of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for']) {
  for (const e of all(`[${name}]`)) {
    const missing = e.getAttribute(name).split(/\s+/).filter(id => !document.getElementById(id));
    if (missing.length) say('references', `${short(e)} ${name}: no ${missing}`);
  }
}
for (const table of all('table')) {
  if (!table.querySelector('th')) say('tables', `${short(table)} has no headers`);
  for (const header of table.querySelectorAll('th')) {
    if (!header.scope) say('tables', `${header.textContent.trim()} does not say what it heads`);
  }
}
for (const e of all('[tabindex]')) {
  if (Number(e.getAttribute('tabindex')) > 0) say('focus order', `${short(e)} jumps the queue`);
}
for (const e of all('[style], script:not([src]), style, [onclick], [onerror], [onload]')) {
  say('inline', `${short(e)} is what the policy of the page forbids`);
}

// Colours.
const parse = text => {
  const probe = (text.match(/[\d.]+%?/g) ?? []).map(Number);
  if (text === 'transparent' || text === 'none') return [0, 0, 0, 0];
  if (text.startsWith('color(srgb')) return [...probe.slice(0, 3).map(c => c * 255), probe[3] ?? 1];
  return [probe[0], probe[1], probe[2], probe[3] ?? 1];
};
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const light = color => {
  const [r, g, b] = color.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
// A page that says nothing of schemes is white, whoever likes it dark.
const scheme = getComputedStyle(document.documentElement).colorScheme;
const dark = scheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches;
const canvas = dark ? [18, 18, 18, 1] : [255, 255, 255, 1];
const behind = e => {
  const layers = [];
  for (let at = e; at; at = at.parentElement) {
    // What is written in a drawing lies on the shape beside it.
    if (at instanceof SVGElement && ['a', 'g'].includes(at.localName)) {
      const shape = at.querySelector(':scope > rect, :scope > path');
      if (shape) layers.push(parse(getComputedStyle(shape).fill));
    }
    layers.push(parse(getComputedStyle(at).backgroundColor));
    if (layers.some(layer => layer[3] === 1)) break;
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
};
const shown = e => e.checkVisibility({ opacityProperty: true, visibilityProperty: true })
  && e.getClientRects().length > 0;
const opacity = e => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
const seen = new Set();
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const text = texts.currentNode.data.trim();
  const e = texts.currentNode.parentElement;
  if (!text || ['SCRIPT', 'STYLE', 'title', 'desc', 'OPTION', 'TEMPLATE', 'NOSCRIPT'].includes(e.nodeName) || !shown(e)) continue;
  const box = e.getBoundingClientRect();
  // For screen readers alone.
  if (box.width <= 1 || box.height <= 1 || box.right < 0 || box.bottom < 0) continue;
  const style = getComputedStyle(e);
  const below = behind(e);
  const ink = parse(e instanceof SVGElement ? style.fill : style.color);
  ink[3] *= opacity(e);
  const is = contrast(over(ink, below), below);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const bar = large ? 3 : 4.5;
  const where = `${short(e)} ${style.color} on ${below.slice(0, 3).map(Math.round)}`;
  if (is < bar && !seen.has(where)) {
    seen.add(where);
    say('contrast', `${where} is ${is.toFixed(2)}: “${text.slice(0, 40)}”`);
  }
}
// The edge of what is typed into, and of what shows a standing (WCAG 1.4.11).
for (const e of all('input:not([type=hidden]), select, textarea')) {
  if (!shown(e)) continue;
  const style = getComputedStyle(e);
  const edge = over(parse(style.borderTopColor), behind(e.parentElement));
  const is = contrast(edge, behind(e.parentElement));
  if (parseFloat(style.borderTopWidth) > 0 && is < 3) say('contrast', `the edge of ${short(e)} is ${is.toFixed(2)}`);
}

// Nothing lies beyond the edge of the window, but for what scrolls by itself and can.
const wide = document.documentElement;
if (wide.scrollWidth > wide.clientWidth) {
  const beyond = all('body *').filter(e => shown(e) && e.getBoundingClientRect().right > wide.clientWidth + 1);
  say('overflow', `${wide.scrollWidth} of ${wide.clientWidth} pixels: ${beyond.slice(0, 3).map(short)}`);
}
for (const e of all('body *')) {
  const style = getComputedStyle(e);
  const scrolls = ['auto', 'scroll'].includes(style.overflowX) && e.scrollWidth > e.clientWidth + 1;
  if (scrolls && e.tabIndex < 0 && !e.querySelector('a[href], button, input, [tabindex="0"]')) {
    say('scrolling', `${short(e)} cannot be reached with the keyboard`);
  }
}
return found;

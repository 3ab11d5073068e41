"""The style sheet of a report page, for light and dark screens and for paper."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #4a90d9; --soft: light-dark(#666, #aaa);
  --head: light-dark(#f3f4f6, #26282b); --paper: light-dark(#fff, #18191b);
  --ink: light-dark(#1b1c1e, #e6e6e6); }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 84rem; margin: 2rem auto; padding: 0 1rem;
  background: var(--paper); color: var(--ink); }
h1 { font-size: 1.7rem; line-height: 1.25; margin-bottom: .3rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.6rem 0 .5rem; scroll-margin-top: 1rem; }
h3 { font-size: 1rem; overflow-wrap: anywhere; }
.row { margin: 1.4rem 0; } .row h3, .row .note { display: inline; margin: 0 .8rem 0 0; }
p { max-width: 55rem; margin: .5rem 0; overflow-wrap: anywhere; }
nav ul { columns: 2 24rem; padding-left: 1.2rem; margin: 1rem 0; font-size: .95rem; }
a { color: light-dark(#1a5fb4, #8ab8f0); }
.note { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .55rem; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; background: var(--head); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
tbody tr:hover { background: var(--head); }
tr.strong td { font-weight: 700; }
th:has(> button) { padding: 0; }
th button { all: unset; box-sizing: border-box; display: block; width: 100%; cursor: pointer;
  padding: .25rem .55rem; }
th button::after { content: '\\2195'; opacity: .35; margin-left: .3em; }
th[aria-sort=ascending] button::after { content: '\\2191'; opacity: 1; }
th[aria-sort=descending] button::after { content: '\\2193'; opacity: 1; }
th button:hover { text-decoration: underline; }
th button:focus-visible { outline: 2px solid var(--bar); outline-offset: -2px; }
th.name { white-space: nowrap; }
th.bar { text-align: left; }
td.bar { min-width: 13rem; text-align: left; white-space: nowrap; }
td.bar span { display: inline-block; min-width: 3.8em; text-align: right; margin-right: .6rem; }
td.bar i { display: inline-block; height: .8em; background: var(--bar); }
.filters { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem 1.4rem;
  align-items: center; padding: .5rem .8rem; margin: .8rem 0; background: var(--head);
  border: 1px solid var(--line); border-radius: 6px; }
.filters select, .filters input { font: inherit; margin-left: .3rem; vertical-align: middle; }
.filters input[type=number] { width: 5rem; }
.filters output { color: var(--soft); margin-left: auto; }
.gallery { display: flex; flex-wrap: wrap; gap: .6rem; margin: .3rem 0; padding-bottom: .3rem; }
figure { margin: 0; flex: none; }
figure img { display: block; height: var(--height, 9rem); width: auto; image-rendering: pixelated;
  border: 1px solid var(--line); }
figure svg { display: block; max-width: 100%; height: auto; background: #fafafa; color: #222;
  border: 1px solid var(--line); border-radius: 4px; }
/* As wide as the picture. */
figcaption { font-size: .8rem; line-height: 1.3; color: var(--soft); width: 0; min-width: 100%;
  overflow-wrap: anywhere; margin-top: .2rem; }
figure.plot { margin: 1rem 0; width: fit-content; max-width: 100%; }
.key { display: inline-block; margin-right: 1rem; white-space: nowrap; }
.key i { display: inline-block; width: 1em; height: 1em; margin-right: .35em; vertical-align: -.1em;
  border: 1px solid var(--line); }
pre { overflow-x: auto; padding: .7rem 1rem; border: 1px solid var(--line); border-radius: 6px; }
@media print { .filters, nav { display: none; } }
"""

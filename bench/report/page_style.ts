/** Style sheet of the report; colors follow the reader's choice of light or dark. */
export const PAGE_STYLE: string = `
:root { color-scheme: light dark;
  --page: light-dark(#f6f7f9, #0f1217); --card: light-dark(#ffffff, #181c23);
  --ink: light-dark(#171b22, #e6e8ec); --soft: light-dark(#5d6779, #9aa4b5);
  --line: light-dark(#e1e5eb, #2c333e); --accent: light-dark(#0b7a4b, #3fd598);
  --peer: light-dark(#8b95a7, #6d788b); --faint: light-dark(#c9d0da, #414b5a);
  --band: light-dark(#0b7a4b1a, #3fd5981f);
  --positive: light-dark(#1f6fd6, #6cb0ff); --negative: light-dark(#c2410c, #ff9a62);
  --deduction: light-dark(#1f6fd6, #6cb0ff); --branching: light-dark(#0a8a5f, #45d3a0);
  --backtracking: light-dark(#d1480f, #ff9a62); --other: light-dark(#8a4bc4, #c79bf5);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 2.2rem; line-height: 1.15; margin: 0 0 .4rem; letter-spacing: -.02em; }
h2 { font-size: 1.45rem; margin: 3.2rem 0 .4rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.6rem 0 .5rem; }
p { margin: .4rem 0 .8rem; max-width: 76ch; }
.soft { color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1rem 0 0; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.headlines { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.2rem, 1fr)); gap: .8rem;
  margin: 1.6rem 0 0; padding: 0; list-style: none; }
.headlines li { background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  padding: .9rem 1rem; }
.headlines b { display: block; font-size: 1.2rem; line-height: 1.4; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.headlines .label { color: var(--soft); font-size: .85rem; }
.headlines .detail { color: var(--soft); font-size: .8rem; line-height: 1.4; display: block;
  margin-top: .25rem; }
.plot { background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  padding: 1rem 1.2rem; margin: .9rem 0; overflow-x: auto; }
.plot figure { margin: 0; }
.plot figure > div { font-size: .85rem !important; min-height: 0 !important; margin-bottom: .6rem; }
.plot svg { max-width: 100%; height: auto; }
/* Letters stay readable on a narrow screen: the plot scrolls instead of shrinking further. */
.plot svg[width="980"] { min-width: 54rem; }
details.table { background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  margin: .7rem 0; padding: .1rem 1.2rem; }
details.table > summary { cursor: pointer; font-weight: 600; padding: .65rem 0; }
details.table > p { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .8rem .32rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
th.word, td.word { text-align: left; }
td.word:first-child { white-space: pre; }
td.word:not(:first-child) { white-space: normal; min-width: 15rem; color: var(--soft); }
tbody tr:hover { background: color-mix(in srgb, var(--accent) 7%, transparent); }
ul.notes { color: var(--soft); font-size: .9rem; max-width: 80ch; padding-left: 1.1rem; }
@media print { details.table { break-inside: avoid; } }
`;

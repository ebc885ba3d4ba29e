const STYLE = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f5f6f9, #11141a);
  --surface: light-dark(#ffffff, #191d25);
  --raised: light-dark(#f0f2f6, #222733);
  --text: light-dark(#1a1f2b, #e7eaf0);
  --muted: light-dark(#545e71, #a0a9b9);
  --line: light-dark(#dce0e8, #2d3340);
  --accent: light-dark(#2a55c9, #86aaff);
  --ok: light-dark(#17703f, #54c98f);
  --warning: light-dark(#8a5200, #efb445);
  --problem: light-dark(#b81e30, #ff8590);
  --problem-ground: light-dark(#fdf0f1, #2d1b20);
  --warning-ground: light-dark(#fdf6e9, #2a2317);
  --second: light-dark(#7c3bb3, #c79bff);
  --third: light-dark(#a8460f, #ffa66b);
  --radius: 8px;
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--text); }
h1, h2, h3, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
h1 { font-size: 16px; font-weight: 600; }
h2 { font-size: 14px; font-weight: 600; }
h3 { font-size: 13px; font-weight: 600; }
ul, ol { list-style: none; }
a { color: var(--accent); text-underline-offset: 2px; }
code, pre, kbd { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; }
pre { margin: 4px 0 0; padding: 6px 8px; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--raised); border-radius: 6px; }
kbd { padding: 1px 5px; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; background: var(--raised); }
button, input, select { font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px; min-height: 30px; }
button { cursor: pointer; }
button:hover { background: var(--raised); }
button:disabled { cursor: default; opacity: .55; }
button.danger { color: var(--problem); border-color: currentColor; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 8px; top: -60px; padding: 6px 10px; background: var(--surface); border: 1px solid var(--line); border-radius: 6px; z-index: 3; }
.skip:focus { top: 8px; }
.note, .facts { color: var(--muted); font-size: 12.5px; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; padding: 10px 20px; background: var(--surface); border-bottom: 1px solid var(--line); }
.brand { color: var(--accent); }
.live { margin-left: auto; font-size: 12.5px; color: var(--muted); }
.live::before { content: ""; display: inline-block; width: 8px; height: 8px; margin-right: 6px; border-radius: 50%; background: var(--muted); }
.live[data-state="live"]::before { background: var(--ok); }
.live[data-state="lost"] { color: var(--problem); }
.live[data-state="lost"]::before { background: var(--problem); }
.tools { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.every { color: var(--muted); font-size: 12.5px; }
main { display: grid; gap: 14px; padding: 14px 20px 24px; max-width: 1800px; margin: 0 auto; }
.health { max-height: 33vh; overflow: auto; }
.health::after { content: ""; position: sticky; bottom: 0; display: block; height: 26px; margin-top: -10px; background: linear-gradient(transparent, var(--ground)); pointer-events: none; }
.troubles { display: grid; gap: 8px; }
.troubles:not(:empty) { margin-bottom: 10px; }
.trouble { display: grid; grid-template-columns: auto 1fr; gap: 2px 10px; padding: 9px 12px; border-radius: var(--radius); border: 1px solid var(--line); border-left: 4px solid; background: var(--surface); }
.trouble[data-severity="problem"] { border-left-color: var(--problem); background: var(--problem-ground); }
.trouble[data-severity="warning"] { border-left-color: var(--warning); background: var(--warning-ground); }
.trouble .sign { font-weight: 700; }
.trouble[data-severity="problem"] .sign { color: var(--problem); }
.trouble[data-severity="warning"] .sign { color: var(--warning); }
.trouble .advice { grid-column: 2; color: var(--muted); overflow-wrap: anywhere; }
.trouble .text { overflow-wrap: anywhere; }
.trouble .text a { color: inherit; text-decoration-color: var(--muted); }
.trouble .text a:hover { text-decoration-color: currentColor; }
.fine { display: flex; flex-wrap: wrap; gap: 4px 22px; color: var(--muted); font-size: 13px; }
.fine li::before { content: "\\2713"; color: var(--ok); font-weight: 700; margin-right: 6px; }
.panels { display: grid; gap: 12px; grid-template-columns: repeat(4, minmax(0, 1fr)); }
.panels.two { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.panel { display: flex; flex-direction: column; justify-content: space-between; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); padding: 10px 12px 6px; min-width: 0; }
.panel figcaption { display: flex; flex-wrap: wrap; gap: 2px 12px; align-items: baseline; font-weight: 600; font-size: 13px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 9px; width: 100%; font-weight: 400; font-size: 11.5px; color: var(--muted); }
.legend span::before { content: ""; display: inline-block; width: 10px; height: 3px; border-radius: 2px; margin-right: 5px; vertical-align: 3px; background: currentColor; }
.legend .value { color: var(--text); }
.legend .value::before { content: none; }
.series-1 { color: var(--accent); stroke: var(--accent); }
.series-2 { color: var(--second); stroke: var(--second); }
.series-3 { color: var(--third); stroke: var(--third); }
.legend b { font-weight: 600; color: var(--text); }
.plot { display: block; width: 100%; height: 108px; margin-top: 4px; }
.plot text { fill: var(--muted); font-size: 10.5px; }
.plot .grid { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges; }
.plot .limit { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 4 4; }
.plot path { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.plot .cursor { stroke: var(--muted); stroke-width: 1; shape-rendering: crispEdges; }
.charts .note { margin-top: 6px; }
.columns { display: grid; grid-template-columns: minmax(0, 2.2fr) minmax(300px, 1fr); gap: 14px; align-items: start; }
.locks, .chains, .detail { background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
.side { display: grid; gap: 14px; min-width: 0; }
.locks .head { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; padding: 10px 12px; border-bottom: 1px solid var(--line); }
.chips { display: flex; flex-wrap: wrap; gap: 6px; }
.chip { display: inline-flex; gap: 6px; align-items: center; min-height: 26px; padding: 1px 10px; border-radius: 13px; font-size: 13px; }
.chip::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--muted); }
.chip[data-key="held"]::before { background: var(--ok); }
.chip[data-key="waited"]::before { background: var(--warning); }
.chip[data-key="here"]::before { background: var(--accent); }
.chip[aria-pressed="true"] { border-color: var(--accent); background: var(--raised); box-shadow: inset 0 0 0 1px var(--accent); }
.chip b { font-weight: 600; }
#filter { flex: 1 1 300px; min-width: 0; }
.scroll { overflow: auto; height: min(62vh, 760px); min-height: 200px; contain: strict; border-radius: 0 0 var(--radius) var(--radius); }
.scroll.few { height: auto; min-height: 0; contain: none; }
table { border-collapse: separate; border-spacing: 0; width: 100%; table-layout: fixed; min-width: 560px; }
thead th { position: sticky; top: 0; z-index: 1; background: var(--surface); border-bottom: 1px solid var(--line); text-align: left; font-size: 12px; font-weight: 600; color: var(--muted); height: 32px; padding: 0; }
thead button { width: 100%; height: 31px; min-height: 0; padding: 0 12px; border: 0; border-radius: 0; background: none; text-align: inherit; font: inherit; color: inherit; white-space: nowrap; }
thead button:hover { color: var(--text); background: var(--raised); }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
tbody tr.row { height: 34px; cursor: pointer; }
tbody tr.row:hover { background: var(--raised); }
tbody tr.row[aria-selected="true"] { background: var(--raised); box-shadow: inset 3px 0 0 var(--accent); }
tbody tr.row:focus-visible { outline-offset: -2px; }
tbody td { padding: 0 12px; height: 34px; border-bottom: 1px solid var(--line); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
tr.space td { padding: 0; border: 0; height: auto; }
.number { text-align: right; }
.kind:empty { display: none; }
.kind { margin-left: 8px; padding: 0 6px; border-radius: 4px; background: var(--raised); color: var(--muted); font-size: 11.5px; }
tr.row[aria-selected="true"] .kind, tr.row:hover .kind { background: var(--surface); }
.dim { color: var(--muted); }
.waited { color: var(--warning); font-weight: 600; }
.label:not(:empty) { margin-left: 8px; font-size: 12.5px; }
.no-token th:nth-child(4), .no-token td:nth-child(4), .no-token col:nth-child(4) { display: none; }
.empty { padding: 26px 16px; text-align: center; color: var(--muted); }
.chains > h2 { padding: 10px 12px; border-bottom: 1px solid var(--line); }
#chains { padding: 10px 12px; overflow: auto; max-height: 62vh; }
.tree + .tree { margin-top: 12px; padding-top: 12px; border-top: 1px solid var(--line); }
.tree ul { margin-left: 11px; border-left: 2px solid var(--line); }
.tree ul > li { position: relative; padding: 6px 0 0 18px; }
.tree ul > li::before { content: ""; position: absolute; left: -2px; top: 0; width: 16px; height: 19px; border-left: 2px solid var(--line); border-bottom: 2px solid var(--line); border-bottom-left-radius: 8px; }
.tree ul > li:last-child { border-left: 2px solid var(--surface); margin-left: -2px; padding-left: 18px; }
.tree ul > li:last-child::before { left: -2px; }
.node { display: inline-block; max-width: 100%; padding: 4px 9px; border: 1px solid var(--line); border-radius: 6px; background: var(--raised); overflow-wrap: anywhere; }
.node .dim { font-size: 12.5px; display: block; }
.tree > .node { border-color: var(--problem); }
.node.outside { border-style: dashed; }
.detail:focus { outline: none; }
.detail { padding: 10px 12px 12px; display: grid; gap: 10px; }
.detail header { display: flex; gap: 10px; align-items: start; }
.detail header h2 { overflow-wrap: anywhere; }
.detail header button { margin-left: auto; }
.facts-list { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; font-size: 13px; }
.facts-list dt { color: var(--muted); }
.facts-list dd { overflow-wrap: anywhere; }
.card { padding: 8px 10px; border: 1px solid var(--line); border-radius: 6px; }
.card + .card { margin-top: 6px; }
.card .danger { margin-top: 8px; }
.queue { counter-reset: place; display: grid; gap: 4px; }
.queue li { counter-increment: place; display: grid; grid-template-columns: 26px 1fr auto; gap: 4px; font-size: 13px; }
.queue li::before { content: counter(place); color: var(--muted); }
dialog { width: min(480px, calc(100vw - 32px)); border: 1px solid var(--line); border-radius: 12px; background: var(--surface); color: var(--text); padding: 18px 20px; }
dialog::backdrop { background: rgb(0 0 0 / .45); }
dialog form { display: grid; gap: 10px; margin-top: 10px; }
dialog label { display: grid; gap: 3px; font-size: 13px; }
dialog ul { margin: 6px 0 0 18px; list-style: disc; font-size: 13px; overflow-wrap: anywhere; }
.buttons { display: flex; gap: 8px; justify-content: end; }
.fault { color: var(--problem); min-height: 20px; }
.keys { display: grid; grid-template-columns: auto 1fr; gap: 6px 16px; margin-top: 10px; align-items: center; }
@media (max-width: 900px) {
  .columns { grid-template-columns: minmax(0, 1fr); }
  .side { display: contents; }
  .detail { order: -1; }
  .panels, .panels.two { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .charts { order: 1; }
  .troubles:not(:empty) + .fine { display: none; }
  .scroll { height: min(50vh, 760px); }
  col:nth-child(1) { width: 24%; }
  col:nth-child(2) { width: 25%; }
  col:nth-child(3) { width: 13%; }
  col:nth-child(4) { width: 17%; }
  col:nth-child(5) { width: 21%; }
  .kind { display: none; }
  #chains { max-height: 40vh; }
}
@media (max-width: 560px) {
  .bar { padding: 10px 12px; }
  main { padding: 12px; }
  .live { margin-left: 0; }
  .facts { width: 100%; }
  .plot { height: 84px; }
  .panels, .panels.two { grid-template-columns: minmax(0, 1fr); }
  table { min-width: 0; }
  tbody td { padding: 0 8px; }
  thead button { padding: 0 8px; }
  th:nth-child(4), td:nth-child(4), col:nth-child(4) { display: none; }
  .number { font-size: 12px; letter-spacing: -0.2px; }
  col:nth-child(1) { width: 31%; }
  col:nth-child(2) { width: 18%; }
  col:nth-child(3) { width: 19%; }
  col:nth-child(5) { width: 32%; }
  td .host { display: none; }
  .queue li { grid-template-columns: 22px 1fr auto; }
}
@media (forced-colors: active) { .chip::before, .live::before { forced-color-adjust: none; } }
`

/** One style sheet for both color schemes: `light-dark()` gives each color twice. */
export function pageStyle(): string {
  return STYLE
}

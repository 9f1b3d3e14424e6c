-- /docs/style.css
return [[
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #0b6e8f; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }
header form { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; }
input, textarea, select { font: inherit; padding: .25rem .5rem; border: 1px solid var(--line); border-radius: 4px; }
textarea, pre { font: 14px/1.4 ui-monospace, monospace; width: 100%; }
textarea { min-height: 8rem; }
pre { overflow: auto; background: var(--soft); padding: .75rem; border-radius: 4px; max-height: 30rem; }
code { font: 14px ui-monospace, monospace; }
nav { display: flex; flex-wrap: wrap; gap: .75rem; padding: .75rem 0; border-bottom: 1px solid var(--line); }
a { color: var(--accent); }
h2 { margin: 1.5rem 0 .5rem; }
details.operation { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
details.operation > summary { padding: .5rem .75rem; cursor: pointer; display: flex; flex-wrap: wrap; gap: .75rem; }
details.operation > div { padding: 0 .75rem .75rem; border-top: 1px solid var(--line); }
.method { font-weight: 700; min-width: 4.5rem; color: var(--accent); }
.path { font-family: ui-monospace, monospace; }
.summary { opacity: .8; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
td.name { white-space: nowrap; font-family: ui-monospace, monospace; }
button { font: inherit; padding: .3rem 1rem; border: 0; border-radius: 4px; background: var(--accent); color: #fff; }
button:focus-visible, input:focus-visible, textarea:focus-visible { outline: 2px solid var(--accent); }
.required { color: #c0392b; }
[hidden] { display: none !important; }
]]

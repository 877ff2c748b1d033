/** How an element looks, below what pictures have of their own. Colours are those of the page's `color-scheme`. */
export const STYLE = `
:host { display: flex; flex-direction: column; gap: var(--signal-gap, 8px); min-height: 200px;
  padding: var(--signal-gap, 8px); box-sizing: border-box; font-family: var(--signal-font, system-ui, sans-serif);
  color: var(--signal-color, light-dark(#18181b, #f4f4f5)); background: var(--signal-background, light-dark(#f4f4f5, #18181b));
  border-radius: var(--signal-radius, 12px) }
:host([hidden]) { display: none }
[part=stage] { flex: 1; min-height: 0 }
[part=toolbar] { display: flex; flex-wrap: wrap; gap: var(--signal-gap, 8px); align-items: center; justify-content: center }
[part=status] { flex-basis: 100%; text-align: center; font-size: 14px; min-height: 1.4em; overflow-wrap: anywhere }
button { font: inherit; padding: 8px 16px; border: 0; border-radius: var(--signal-radius, 12px); cursor: pointer;
  color: inherit; background: var(--signal-button, light-dark(#e4e4e7, #3f3f46)) }
button:hover { filter: brightness(1.08) }
button[aria-pressed=true] { color: var(--signal-background, light-dark(#f4f4f5, #18181b)); background: var(--signal-color, light-dark(#18181b, #f4f4f5)) }
button[part~=end] { color: #fff; background: var(--signal-warning, #b91c1c) }
button[part~=start] { color: var(--signal-accent-color, light-dark(#fff, #0b1220)); background: var(--signal-accent, light-dark(#2563eb, #60a5fa)) }
button:focus-visible { outline: 3px solid var(--signal-accent, light-dark(#2563eb, #60a5fa)); outline-offset: 2px }
button[hidden] { display: none }
@media (forced-colors: active) { button { border: 1px solid } button[aria-pressed=true] { outline: 3px solid Highlight } }
`

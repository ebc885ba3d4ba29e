/**
 * The page before its modules have run: everything that does not depend on data. It has no inline code and styles, because
 * its content security policy forbids them. The browser loads all modules at once, not each after the one that imports it.
 */
export function pageHtml(modules: readonly string[]): string {
  const preloads = modules.map((path) => `<link rel="modulepreload" href="${path}">\n`)
  return PAGE.replace('<!-- modules -->', preloads.join(''))
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>lockpool</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="style.css">
<!-- modules --><script type="module" src="page/main.js"></script>
</head>
<body>
<a class="skip" href="#locks">To the table of locks</a>
<header class="bar">
  <h1><span class="brand">lockpool</span> <span id="title" class="title"></span></h1>
  <p id="facts" class="facts"></p>
  <p id="live" class="live" role="status">connecting</p>
  <div class="tools">
    <button id="pause" type="button" aria-pressed="false" title="Pause (p)">Pause</button>
    <label class="every">every <select id="every">
      <option value="1000">1 s</option><option value="2000" selected>2 s</option><option value="5000">5 s</option><option value="15000">15 s</option>
    </select></label>
    <button id="theme" type="button" title="Light, dark, or the system's theme (t)">Theme: system</button>
    <button id="help" type="button" title="Keys (?)">Keys</button>
  </div>
</header>
<main>
  <section class="health" aria-labelledby="health-title">
    <h2 id="health-title" class="quiet">Health</h2>
    <ul id="troubles" class="troubles"></ul>
    <ul id="fine" class="fine"></ul>
  </section>
  <section class="charts" aria-labelledby="charts-title">
    <h2 id="charts-title" class="quiet">The last minutes</h2>
    <div id="charts" class="panels"></div>
    <p id="charts-note" class="note"></p>
  </section>
  <div class="columns">
    <section class="locks" aria-labelledby="locks-title">
      <div class="head">
        <h2 id="locks-title">Locks</h2>
        <div id="chips" class="chips" role="group" aria-label="Which locks"></div>
        <input id="filter" type="search" placeholder="Filter: name, application, host, pid  ( / )" aria-label="Filter locks" spellcheck="false" autocomplete="off">
      </div>
      <div id="locks" class="scroll" tabindex="-1"></div>
      <p id="empty" class="empty" hidden></p>
    </section>
    <aside class="side">
      <section id="detail" class="detail" aria-labelledby="detail-title" tabindex="-1" hidden></section>
      <section class="chains" aria-labelledby="chains-title">
        <h2 id="chains-title">Who blocks whom</h2>
        <div id="chains"></div>
      </section>
    </aside>
  </div>
</main>
<noscript><p class="empty">This page needs JavaScript. <code>lockpool ls</code> shows the same.</p></noscript>
<dialog id="keys" aria-labelledby="keys-title">
  <h2 id="keys-title">Keys</h2>
  <dl class="keys">
    <dt><kbd>/</kbd></dt><dd>filter</dd>
    <dt><kbd>j</kbd> <kbd>k</kbd> <kbd>&darr;</kbd> <kbd>&uarr;</kbd></dt><dd>next lock, previous lock</dd>
    <dt><kbd>Enter</kbd></dt><dd>open the lock</dd>
    <dt><kbd>w</kbd></dt><dd>next sentence about what is worth a look; Enter opens its lock</dd>
    <dt><kbd>Esc</kbd></dt><dd>close it, or clear the filter</dd>
    <dt><kbd>p</kbd></dt><dd>pause, go on</dd>
    <dt><kbd>+</kbd> <kbd>-</kbd></dt><dd>look more often, less often</dd>
    <dt><kbd>t</kbd></dt><dd>light, dark, as the system has it</dd>
    <dt><kbd>?</kbd></dt><dd>these keys</dd>
  </dl>
  <form method="dialog"><button>Close</button></form>
</dialog>
<dialog id="end" aria-labelledby="end-title"></dialog>
<dialog id="login" aria-labelledby="login-title"></dialog>
</body>
</html>
`

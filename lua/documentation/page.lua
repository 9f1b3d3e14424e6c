-- /docs: what stands there before script.lua has filled it.
return [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="stylesheet" href="/docs/style.css">
<script src="/docs/script.js" defer></script>
</head>
<body>
<header>
<h1 id="title">API</h1>
<p id="about"></p>
<form id="credentials">
<label>Token <input id="token" type="password" autocomplete="off" placeholder="sent as Bearer"></label>
<label>Filter <input id="filter" type="search" placeholder="path or words"></label>
<a href="/openapi.json">openapi.json</a>
<a href="/docs/problems">problems</a>
</form>
</header>
<nav id="tags" aria-label="resources"></nav>
<main id="operations"><p>Loading…</p></main>
<noscript><p>This page needs JavaScript; <a href="/openapi.json">openapi.json</a> holds the same.</p></noscript>
</body>
</html>
]]

#pragma once

#include <string_view>

// The page's style and script, as they stand in the file: neither may hold '<' or '&', so that the page is also XML.
namespace sparsecim::report {

// Colours keep a contrast of 4.5 for text and 3 for marks on both grounds; series differ in lightness as well as hue.
// --c0 .. --c7: Paul Tol's "bright" scheme for colour-blind readers (Technical note SRON/EPS/TN/09-002) and two more.
inline constexpr std::string_view kStyle = R"css(
:root {
  --page: #f4f5f7; --paper: #ffffff; --ink: #1a1e26; --quiet: #59616e; --line: #dde1e7; --code: #f0f2f5;
  --subject: #1f5fcf; --rival: #c47c00; --dense: #8a92a0; --other: #8661b5; --outlier: #6f93c9;
  --good: #0a7347; --bad: #b42318; --level: #8a6100;
  --c0: #4477aa; --c1: #ee6677; --c2: #228833; --c3: #ccbb44; --c4: #66ccee; --c5: #aa3377; --c6: #ee9955; --c7: #8c6d52;
  --rest: #a9afb9;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0f1217; --paper: #181c24; --ink: #e8ebf0; --quiet: #a0a9b6; --line: #2d343f; --code: #11151b;
    --subject: #6c9ffb; --rival: #eeaa33; --dense: #7d8696; --other: #b391e0; --outlier: #5f84bd;
    --good: #4cc38a; --bad: #ff8a7d; --level: #e0b04a;
    --c0: #6699cc; --c1: #ee7788; --c2: #44aa55; --c3: #d6c65a; --c4: #77d4f2; --c5: #cc66a3; --c6: #f0a868; --c7: #b08d6f;
    --rest: #6d7583;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1152px; margin: 0 auto; padding: 32px 16px 64px; }
h1, h2, h3, p, ul, dl, dd, pre { margin: 0; }
h1 { font-size: clamp(24px, 4vw, 36px); line-height: 1.15; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { font-size: 22px; line-height: 1.25; letter-spacing: -0.01em; }
h3 { font-size: 15px; line-height: 1.3; }
h3.part { margin: 28px 0 12px; font-size: 17px; }
section { margin-top: 44px; scroll-margin-top: 56px; }
.over { font-size: 13px; font-weight: 600; letter-spacing: 0.06em; text-transform: uppercase; color: var(--quiet); }
.lede, .none { margin-top: 6px; color: var(--quiet); max-width: 75ch; }
a { color: inherit; text-decoration-color: var(--quiet); text-underline-offset: 3px; }
a.term { text-decoration: underline dotted; text-decoration-color: var(--quiet); }
a:focus-visible, .scroll:focus-visible, pre:focus-visible, summary:focus-visible, button:focus-visible {
  outline: 2px solid var(--subject); outline-offset: 2px;
}
header ul { list-style: none; padding: 0; margin-top: 10px; display: flex; flex-wrap: wrap; gap: 2px 18px; color: var(--quiet); font-size: 14px; }

.verdict { --tone: var(--quiet); margin-top: 24px; padding: 20px 24px; background: var(--paper); border: 1px solid var(--line); border-left: 5px solid var(--tone); border-radius: 8px; }
.verdict.better { --tone: var(--good); }
.verdict.worse { --tone: var(--bad); }
.verdict.level { --tone: var(--level); }
.verdict .over { color: var(--tone); }
.headline { margin-top: 4px; font-size: clamp(18px, 2.4vw, 22px); line-height: 1.35; font-weight: 600; }
.verdict ul { margin-top: 12px; padding-left: 20px; }
.verdict li + li { margin-top: 4px; }
.least { margin-top: 12px; padding-top: 12px; border-top: 1px solid var(--line); font-weight: 600; }

.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 12px; margin-top: 12px; }
.tile { padding: 14px 16px; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
.tile h3 { color: var(--quiet); font-weight: 600; font-size: 13px; }
.big { font-size: 26px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; }
.tile ul { list-style: none; padding: 0; margin-top: 4px; font-size: 13px; color: var(--quiet); }
.tile b { font-weight: 600; }
.good b { color: var(--good); }
.bad b { color: var(--bad); }

nav { position: sticky; top: 0; z-index: 2; display: flex; gap: 4px 20px; overflow-x: auto; margin: 28px -16px 0; padding: 10px 16px; background: var(--page); border-bottom: 1px solid var(--line); font-size: 14px; white-space: nowrap; }
nav a { text-decoration: none; color: var(--quiet); }
nav a:hover { color: var(--ink); }

.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 16px; margin-top: 16px; }
.card { padding: 16px; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; min-width: 0; }
.card .note { font-size: 13px; color: var(--quiet); }
.card p + p, .card ul:not(.legend) { margin-top: 8px; font-size: 14px; }
.card > p:not(.note) { margin-top: 8px; font-size: 14px; }
.card ul:not(.legend), .notes { padding-left: 20px; }
.card svg { display: block; width: 100%; max-width: 430px; height: auto; margin-top: 12px; }
.picture { margin-top: 16px; overflow-x: auto; }
.card.picture svg { max-width: none; min-width: 720px; }
.picture svg rect[fill="#f1f1ee"] { stroke: var(--line); fill: var(--code); }
.aligned .card { display: grid; grid-row: span 3; grid-template-rows: subgrid; gap: 0; }
@media (min-width: 780px) { .wide { grid-column: span 2; } }
.notes { margin-top: 8px; max-width: 80ch; }
.notes li { margin-top: 6px; }

svg text { font-size: 12px; fill: var(--ink); }
svg .label, svg .quiet, svg .tick { fill: var(--quiet); }
svg .strong { fill: var(--ink); font-weight: 650; }
svg .value { font-weight: 600; }
svg .tick { font-size: 11px; }
svg .cell { font-size: 10px; text-anchor: middle; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg rect { stroke: var(--paper); stroke-width: 0.5; }
svg .whisker { stroke: var(--ink); stroke-width: 1.25; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .reference { stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 4 3; }
svg .part { fill: var(--ink); fill-opacity: 0.45; }
svg .front { stroke: var(--quiet); stroke-width: 1.5; }
svg .plan { stroke: var(--paper); stroke-width: 1; }
svg .pale { fill-opacity: 0.35; }
svg .point { fill: var(--subject); stroke: var(--paper); stroke-width: 1; }

.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; margin-top: 12px; font-size: 13px; }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend i { width: 12px; height: 12px; border-radius: 2px; flex: none; -webkit-print-color-adjust: exact; print-color-adjust: exact; }

.scroll { overflow-x: auto; margin-top: 16px; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 8px 14px; text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); font-weight: 500; }
thead th { color: var(--quiet); font-weight: 600; font-size: 13px; border-bottom: 1px solid var(--line); }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tr.strong > * { font-weight: 650; }
td small { display: block; font-size: 12px; font-weight: 400; color: var(--quiet); }
details { margin-top: 10px; font-size: 13px; }
summary { cursor: pointer; color: var(--quiet); }
details .scroll { margin-top: 8px; }
details th, details td { padding: 5px 14px; }

dl.facts div { display: grid; grid-template-columns: minmax(90px, 2fr) 3fr; gap: 12px; padding: 5px 0; border-top: 1px solid var(--line); font-size: 14px; }
dl.facts { margin-top: 10px; }
dl.facts dt { color: var(--quiet); }
dl.facts dd { overflow-wrap: anywhere; }
dl.terms { margin-top: 12px; columns: 2 400px; column-gap: 32px; }
dl.terms div { break-inside: avoid; padding-bottom: 14px; scroll-margin-top: 56px; }
dl.terms dt { font-weight: 650; }
dl.terms dd { color: var(--quiet); font-size: 15px; }
dl.terms div:target { box-shadow: -12px 0 0 -9px var(--subject); }

pre { position: relative; margin-top: 12px; padding: 14px 92px 14px 16px; background: var(--code); border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.hash { font-size: 12px; overflow-wrap: anywhere; white-space: normal; }
pre button { position: absolute; top: 8px; right: 8px; font: inherit; font-size: 13px; padding: 3px 10px; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; cursor: pointer; }
#tip { position: fixed; z-index: 3; max-width: min(340px, 90vw); padding: 6px 10px; font-size: 13px; line-height: 1.35; color: var(--paper); background: var(--ink); border-radius: 6px; pointer-events: none; overflow-wrap: anywhere; }

@media (max-width: 560px) {
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tile { padding: 10px 12px; }
  .big { font-size: 21px; }
  .verdict { padding: 16px; }
}
@media print {
  body { background: none; font-size: 12px; }
  main { max-width: none; padding: 0; }
  nav, pre button, #tip { display: none; }
  section { margin-top: 24px; }
  .card, .tile, .verdict, tr, svg { break-inside: avoid; }
  h2, h3.part { break-after: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 11px; }
  th, td { padding: 4px 6px; white-space: normal; }
  td small { white-space: nowrap; }
  .tiles, .aligned { grid-template-columns: repeat(3, 1fr); }
  .card { padding: 10px; }
  .legend { break-after: avoid; }
  details { break-inside: avoid; }
  dl.terms { columns: 2; }
  dl.terms dd { font-size: 11px; }
  svg rect, svg circle { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

// What charts say on hover, at once and for fingers too (browsers show a <title> late, phones never); a copy button on
// the command; closed details open for the printer. Without scripts nothing is missing but these comforts.
inline constexpr std::string_view kScript = R"js(
(function () {
  "use strict";
  var tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.appendChild(tip);
  function say(event) {
    var mark = event.target.closest ? event.target.closest("svg .mark") : null;
    tip.hidden = !mark;
    if (!mark) return;
    var title = mark.querySelector("title");
    if (title) {
      mark.setAttribute("data-tip", title.textContent);
      title.remove();
    }
    tip.textContent = mark.getAttribute("data-tip");
    var right = document.documentElement.clientWidth - tip.offsetWidth - 8;
    var below = event.clientY + 18;
    var fits = Math.max(below + tip.offsetHeight, window.innerHeight) === window.innerHeight;
    tip.style.left = Math.max(8, Math.min(event.clientX + 12, right)) + "px";
    tip.style.top = (fits ? below : event.clientY - tip.offsetHeight - 10) + "px";
  }
  document.addEventListener("pointermove", say);
  document.addEventListener("pointerdown", say);
  document.addEventListener("scroll", function () { tip.hidden = true; }, true);

  document.querySelectorAll("pre").forEach(function (pre) {
    var button = document.createElement("button");
    var code = pre.querySelector("code");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", function () {
      window.getSelection().selectAllChildren(code);
      document.execCommand("copy");
      button.textContent = "Copied";
    });
    pre.appendChild(button);
  });

  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (details) { details.open = true; });
  });
})();
)js";

}  // namespace sparsecim::report

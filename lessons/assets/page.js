// Small repairs that need a running page. Nothing here is needed to read it.
"use strict";

(() => {
  // A term is explained where it first appears, not every time; never inside headings, links and controls.
  const seen = new Set();
  for (const abbr of document.querySelectorAll("article abbr")) {
    if (abbr.closest("h1, h2, h3, a, summary, label, button, legend") || seen.has(abbr.textContent)) {
      abbr.replaceWith(...abbr.childNodes);
    } else {
      seen.add(abbr.textContent);
    }
  }

  // Output looks different from what one types: its block says so in its title. Long messages are there to be read, so
  // they are broken into lines, unless columns would be lost by that.
  for (const title of document.querySelectorAll(".highlight > .filename")) {
    if (!title.textContent.startsWith("Output")) continue;
    const block = title.parentElement;
    const lines = block.querySelector("code").textContent.split("\n");
    const table = lines.filter((line) => /\S {2,}\S/.test(line)).length > 1 || lines.some((line) => line.includes("│"));
    block.classList.add("output", ...(table ? [] : ["wrapped"]));
  }
  // Options stay in one piece where a command is broken into lines: no line ends behind their dashes.
  const keepOptions = (code) => {
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const text of texts) {
      const pieces = text.data.split(/(?<=\s)|(?=\s)/).map((piece) => {
        if (!piece.startsWith("-") || piece.length > 20) return piece;
        const option = document.createElement("span");
        option.className = "short";
        option.textContent = piece;
        return option;
      });
      text.replaceWith(...pieces);
    }
  };
  // A block of one line is broken, too: half a command is no use.
  for (const code of document.querySelectorAll(".highlight:not(.output) > pre > code")) {
    if (code.textContent.trim().includes("\n")) continue;
    code.closest(".highlight").classList.add("wrapped");
    keepOptions(code);
  }

  // Material leaves the search dialog without a name, and makes a landmark of each block's copy button.
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  const name = () => {
    for (const bar of document.querySelectorAll("nav.md-code__nav:not([role])")) bar.setAttribute("role", "presentation");
  };
  name();
  new MutationObserver(name).observe(document.querySelector("article"), { childList: true, subtree: true });

  // So it does of each part of a page's contents, some of which are called like a part of the navigation.
  for (const part of document.querySelectorAll(".md-nav--secondary nav")) {
    part.setAttribute("role", "presentation");
    part.removeAttribute("aria-label");
  }

  // Names stay in one piece, and so do short commands where a line is long. A longer one may break between words, so that
  // the page is not too wide.
  for (const code of document.querySelectorAll("article :is(th, td, p, li, summary, legend) code:not(pre code)")) {
    const length = code.textContent.length;
    if (length <= 24) code.classList.add("short");
    else if (length <= 60 && !code.closest("th, td")) code.classList.add("phrase");
    keepOptions(code);
  }

  // The empty corner of a table with two sides of headings is no heading.
  for (const corner of document.querySelectorAll("article th:empty")) corner.replaceWith(document.createElement("td"));

  // Where a phone shows a table row by row, each cell names its column. The roles stay what they are, however it looks.
  for (const table of document.querySelectorAll("article table:not([class])")) {
    const heads = [...table.querySelectorAll("thead :is(th, td)")];
    if (heads.length < 3) continue;
    const roles = { "thead, tbody": "rowgroup", tr: "row", "thead th": "columnheader", td: "cell" };
    table.setAttribute("role", "table");
    for (const [part, role] of Object.entries(roles)) {
      for (const element of table.querySelectorAll(part)) element.setAttribute("role", role);
    }
    for (const row of table.tBodies[0].rows) {
      for (const [n, cell] of [...row.cells].entries()) cell.dataset.column = heads[n].textContent;
    }
  }

  // Diagrams are images with both palettes inside; the fragment says which one, so that they follow the page's choice.
  const diagrams = document.querySelectorAll('article img[src*="diagram-"]');
  for (const image of diagrams) image.parentElement.classList.add("diagram-frame");

  // What scrolls sideways can be reached and scrolled by keyboard; what does not is no stop on the way.
  const reachable = () => {
    for (const box of document.querySelectorAll("article pre > code, article .md-typeset__scrollwrap, .diagram-frame")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else if (box.getAttribute("tabindex") === "0") box.removeAttribute("tabindex");
    }
  };
  addEventListener("load", reachable);
  addEventListener("resize", reachable);

  const paint = (scheme) => {
    for (const image of diagrams) image.src = image.src.split("#")[0] + (scheme === "slate" ? "#dark" : "#light");
  };
  const scheme = () => document.body.getAttribute("data-md-color-scheme");
  paint(scheme());
  new MutationObserver(() => paint(scheme())).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });

  // Paper is light, whatever the screen is.
  let before = null;
  addEventListener("beforeprint", () => {
    before = scheme();
    document.body.setAttribute("data-md-color-scheme", "default");
    paint("default");
  });
  addEventListener("afterprint", () => before && document.body.setAttribute("data-md-color-scheme", before));
})();

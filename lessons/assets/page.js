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

  // Names and short commands stay in one piece; a long one may break between words, so that the page is not too wide.
  for (const code of document.querySelectorAll("article :is(th, td, p, li, summary) code:not(pre code)")) {
    if (code.textContent.length <= (code.closest("th, td") ? 30 : 60)) code.classList.add("short");
  }

  // The empty corner of a table with two sides of headings is no heading.
  for (const corner of document.querySelectorAll("article th:empty")) corner.replaceWith(document.createElement("td"));

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

// Only in the copy for reading without a server: browsers start no worker from file://, and the search is one.
// A worker's script runs in a hidden frame instead; what it needs of a worker's world is put there first.
"use strict";

if (location.protocol === "file:") {
  const give_up = () => {
    for (const place of document.querySelectorAll(".md-search-result__meta")) {
      place.textContent = "Search does not work in this browser without a server. Use the browser's own search in the page.";
    }
  };

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.title = "Search";
      document.body.append(this.frame);
      this.start(url).catch(give_up);
    }

    async start(url) {
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...scripts) => Promise.all(scripts.map((script) => this.load(script)));
      await this.load(url);
      this.ready = true;
      this.waiting.forEach((data) => this.postMessage(data));
    }

    load(url) {
      return new Promise((resolve, reject) => {
        const script = this.frame.contentDocument.createElement("script");
        Object.assign(script, { src: url, onload: resolve, onerror: reject });
        this.frame.contentDocument.head.append(script);
      });
    }

    postMessage(data) {
      if (this.ready) this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
      else this.waiting.push(data);
    }

    terminate() {
      this.frame.remove();
    }
  };
}

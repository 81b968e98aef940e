// Opened from a folder, a page may start no worker. The search runs in a hidden frame then.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #frame = document.createElement("iframe");
    #ready;

    constructor(script) {
      super();
      this.#frame.hidden = true;
      document.body.append(this.#frame);
      const inside = this.#frame.contentWindow;
      inside.postMessage = data => this.#tell(data);
      const element = inside.document.createElement("script");
      this.#ready = new Promise(resolve => { element.onload = resolve; });
      element.src = script;
      inside.document.body.append(element);
    }

    #tell(data) {
      const event = new MessageEvent("message", { data: structuredClone(data) });
      setTimeout(() => {
        this.onmessage?.(event);
        this.dispatchEvent(event);
      });
    }

    postMessage(data) {
      const inside = this.#frame.contentWindow;
      const event = new inside.MessageEvent("message", { data: structuredClone(data) });
      this.#ready.then(() => setTimeout(() => inside.dispatchEvent(event)));
    }

    terminate() {
      this.#frame.remove();
    }
  };
}

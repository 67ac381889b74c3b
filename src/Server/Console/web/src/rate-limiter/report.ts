import { html, type PropertyValues } from 'lit';
import { PageElement } from '../parts/element';
import { Loader } from '../api/loader';
import { getText } from '../api/client';
import { failed, waiting } from '../parts/states';

/** A lab report in a frame of its own origin: fetched here, with the key, and handed over, so that it sees neither. */
class Report extends PageElement {
  static override properties = { path: {}, label: {} };
  declare path: string;
  declare label: string;
  private readonly text = new Loader(this, (signal) => getText(this.path, signal), { manual: true });
  private readonly hear = (message: MessageEvent) => {
    const frame = this.querySelector('iframe');
    if (frame && message.source === frame.contentWindow && message.data?.reportFrame === 'ready')
      frame.contentWindow!.postMessage({ report: this.text.value }, '*');
  };

  override connectedCallback() {
    super.connectedCallback();
    addEventListener('message', this.hear);
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener('message', this.hear);
  }

  protected override willUpdate(changed: PropertyValues<this>) {
    if (!changed.has('path')) return;
    this.text.value = undefined;
    void this.text.load();
  }

  override render() {
    if (this.text.error) return failed(this.text.error, () => void this.text.load());
    return html`<div class="report">${this.text.value === undefined
      ? waiting(8)
      : html`<iframe title=${this.label} sandbox="allow-scripts" src="report-frame.html?${encodeURIComponent(this.path)}"></iframe>`}</div>`;
  }
}

customElements.define('tf-report', Report);

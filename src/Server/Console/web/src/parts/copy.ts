import { html } from 'lit';
import { PageElement } from './element';
import { icons } from './icons';

/** A command that one press copies. */
class CopyLine extends PageElement {
  static override properties = { text: {}, label: {}, copied: { state: true } };
  declare text: string;
  declare label: string;
  declare copied: boolean;
  private timer = 0;

  override render() {
    return html`
      <pre tabindex="0" aria-label=${this.label || 'Command'}><code>${this.text}</code></pre>
      <button class="copy" type="button" @click=${this.copy} aria-label="Copy: ${this.label || this.text}" title="Copy">
        ${this.copied ? icons.check : icons.copy}</button>
      <span class="unseen" role="status">${this.copied ? 'Copied' : ''}</span>`;
  }

  private async copy() {
    try {
      await navigator.clipboard.writeText(this.text);
    } catch {
      // Plain http on another machine has no clipboard: select the text, so that the usual keys copy it.
      getSelection()?.selectAllChildren(this.querySelector('code')!);
      return;
    }
    this.copied = true;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.copied = false), 2000);
  }
}

customElements.define('tf-copy', CopyLine);
export const copyLine = (text: string, label = '') => html`<tf-copy .text=${text} .label=${label}></tf-copy>`;

import { LitElement } from 'lit';

/** An element that draws into the page itself: one style sheet, and labels and anchors that reach across. */
export class PageElement extends LitElement {
  protected override createRenderRoot() {
    return this;
  }
}

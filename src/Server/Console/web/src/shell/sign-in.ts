import { html } from 'lit';
import { PageElement } from '../parts/element';
import { icons } from '../parts/icons';
import { request, signIn } from '../api/client';

/** Asks for the API key. It is kept in this tab's sessionStorage and sent as a header; never in an address or a cookie. */
class SignIn extends PageElement {
  static override properties = { fault: { state: true }, busy: { state: true } };
  declare fault: string;
  declare busy: boolean;

  constructor() {
    super();
    this.fault = '';
    this.busy = false;
  }

  override render() {
    return html`
      <section class="sign-in card" aria-labelledby="sign-in-title">
        <h1 id="sign-in-title">Sign in</h1>
        <p>This server asks for an API key or a token. It stays in this tab and is forgotten when you close it.</p>
        <form @submit=${this.submit}>
          <label for="api-key">API key or token</label>
          <input id="api-key" name="key" type="password" autocomplete="off" spellcheck="false" required autofocus
            aria-invalid=${this.fault !== ''} aria-describedby="api-key-fault">
          <p id="api-key-fault" class="fault" role="alert">${this.fault ? html`${icons.bad}${this.fault}` : ''}</p>
          <button class="button primary" ?disabled=${this.busy}>Sign in</button>
        </form>
        <p class="quiet">Keys are set under <code>Tenfold:Server:ApiKeys</code> in <code>tenfold.json</code>.</p>
      </section>`;
  }

  private async submit(event: SubmitEvent) {
    event.preventDefault();
    const key = new FormData(event.target as HTMLFormElement).get('key')?.toString().trim() ?? '';
    // fetch refuses a header with other characters, and would say so in no words a user knows.
    if (!/^[\x21-\x7e]+$/.test(key)) {
      this.fault = 'A key has no spaces and only plain characters. Was it copied whole?';
      return;
    }
    this.busy = true;
    try {
      const { status } = await request('systems', { headers: { Authorization: `Bearer ${key}` } });
      if (status === 401 || status === 403) this.fault = 'The server does not know this key.';
      else signIn(key);
    } catch (error) {
      this.fault = (error as Error).message;
    }
    this.busy = false;
  }

  protected override firstUpdated() {
    this.querySelector('input')!.focus();
  }
}

customElements.define('tf-sign-in', SignIn);

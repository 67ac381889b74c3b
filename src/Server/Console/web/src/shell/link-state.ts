import { html } from 'lit';
import type { LinkState } from '../api/stream';
import { icons } from '../parts/icons';

const looks = {
  connecting: { word: 'Connecting', tone: 'idle', icon: icons.none },
  live: { word: 'Live', tone: 'ok', icon: icons.ok },
  stale: { word: 'Stale', tone: 'warn', icon: icons.warn },
  offline: { word: 'Offline', tone: 'bad', icon: icons.bad },
  refused: { word: 'Signed out', tone: 'idle', icon: icons.none },
} as const;

export const linkBadge = (state: LinkState) => {
  const { word, tone, icon } = looks[state];
  return html`<span class="badge quiet ${tone}" role="status" aria-label="Connection: ${word}">${icon}${word}</span>`;
};

/** Said once when what is on the page is no longer the present. Its place is kept, so that nothing jumps. */
export const linkNotice = (state: LinkState, at: string) => {
  const words =
    state === 'stale' && !at ? 'The server has sent nothing yet.'
    : state === 'stale' ? `The figures below are from ${at}: the server has sent nothing since.`
    : state !== 'offline' ? ''
    : at ? `The server does not answer; the figures below are from ${at}. Reconnecting by itself.`
    : 'The server does not answer. Reconnecting by itself.';
  return html`<p class="link-notice ${words ? '' : 'idle'}" role="status">${words ? html`${icons.warn}${words}` : ''}</p>`;
};

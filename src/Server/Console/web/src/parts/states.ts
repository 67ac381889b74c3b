import { html, nothing, type TemplateResult } from 'lit';
import { icons } from './icons';
import type { ApiError } from '../api/client';
import type { Loader } from '../api/loader';

/** What to show where there is nothing: what is missing and what to do about it. */
export const empty = (title: string, body: unknown) => html`<div class="blank"><p class="blank-title">${title}</p><div>${body}</div></div>`;

export const failed = (error: ApiError, again: () => void) => html`
  <div class="blank failed" role="alert">
    <p class="blank-title"><span class="tone-bad">${icons.bad}</span>${error.message}</p>
    ${error.hint ? html`<p>${error.hint}</p>` : nothing}
    <p><button class="button" @click=${again}>Try again</button></p>
  </div>`;

/** Placeholder lines that hold the place of what is coming, so that nothing jumps. */
export const waiting = (lines: number) => html`
  <div class="waiting" aria-busy="true"><span class="unseen">Loading</span>${Array.from({ length: lines }, () => html`<i></i>`)}</div>`;

/** A loader's value once it is there; the last one stays while a newer one is on its way or fails. */
export function loaded<T>(loader: Loader<T>, show: (value: T) => TemplateResult, lines = 6) {
  if (loader.value !== undefined)
    return html`${loader.error ? html`<p class="note warn" role="alert">${icons.warn}Not up to date: ${loader.error.message} ${loader.error.hint}</p>` : nothing}${show(loader.value)}`;
  return loader.error ? failed(loader.error, () => void loader.load()) : waiting(lines);
}

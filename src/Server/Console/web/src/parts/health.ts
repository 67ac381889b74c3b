import { html } from 'lit';
import { icons } from './icons';
import type { Health } from '../api/types';

const looks = {
  healthy: { word: 'Healthy', icon: icons.ok, tone: 'ok' },
  degraded: { word: 'Degraded', icon: icons.warn, tone: 'warn' },
  unhealthy: { word: 'Unhealthy', icon: icons.bad, tone: 'bad' },
} as const;

export const healthOf = (text: string): Health => {
  const word = text.toLowerCase();
  return word === 'healthy' || word === 'degraded' ? word : 'unhealthy';
};

export function healthBadge(text: string) {
  const { word, icon, tone } = looks[healthOf(text)];
  return html`<span class="badge ${tone}">${icon}${word}</span>`;
}

export const healthIcon = (text: string) => {
  const { word, icon, tone } = looks[healthOf(text)];
  return html`<span class="tone-${tone}">${icon}<span class="unseen">${word}</span></span>`;
};

import { LiveStream } from '../api/stream';
import type { SystemState } from '../api/types';

/** The state of every system, each second: the shell and the overview share one connection. */
export const systems = new LiveStream<SystemState[]>('live', 'systems');

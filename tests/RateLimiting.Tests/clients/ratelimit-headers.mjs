// Reads an answer's rate limit headers with a parser that nobody here wrote.
import { parseRateLimit } from 'ratelimit-header-parser';

const answer = await fetch(process.argv[2]);
const found = parseRateLimit(answer);
if (!found)
  throw new Error(`no rate limit headers: ${JSON.stringify([...answer.headers])}`);
console.log(`limit=${found.limit} used=${found.used} remaining=${found.remaining} reset-in-future=${found.reset > new Date()}`);

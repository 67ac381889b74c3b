// Reads RateLimit-Policy and RateLimit as lists of structured fields (RFC 9651), with a parser that nobody here wrote.
import { parseList } from 'structured-headers';

const headers = JSON.parse(process.argv[2]);
const items = (field) => parseList(headers[field]).map(([name, parameters]) => {
  if (typeof name !== 'string') throw new Error(`${field}: ${JSON.stringify(name)} is no string`);
  return { name, ...Object.fromEntries(parameters) };
});
console.log(JSON.stringify({ policy: items('ratelimit-policy'), limit: items('ratelimit') }));

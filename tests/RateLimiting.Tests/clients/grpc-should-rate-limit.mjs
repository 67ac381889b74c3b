// node grpc-should-rate-limit.mjs HOST:PORT PROTOS: asks ShouldRateLimit with the given definitions, and prints the answers as JSON.
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const [address, protos] = process.argv.slice(2);
const definition = loader.loadSync('envoy/service/ratelimit/v3/rls.proto', {
  includeDirs: [protos], keepCase: true, enums: String, defaults: true, longs: Number,
});
const { RateLimitService } = grpc.loadPackageDefinition(definition).envoy.service.ratelimit.v3;
const client = new RateLimitService(address, grpc.credentials.createInsecure());

const ask = request => new Promise(resolve =>
  client.ShouldRateLimit(request, { deadline: Date.now() + 20000 }, (error, answer) =>
    resolve(error ? { code: error.code, details: error.details } : answer)));
const descriptor = user => ({ entries: [{ key: 'user', value: user }] });

const answers = [];
for (let i = 0; i < 4; i++)
  answers.push(await ask({ domain: 'edge', descriptors: [descriptor('node')] }));
const together = await ask({ domain: 'edge', descriptors: [descriptor('fresh'), descriptor('node')] });
const override = await ask({ domain: 'edge', descriptors: [{ ...descriptor('vip'), limit: { requests_per_unit: 7, unit: 'HOUR' } }] });
const unknown = await ask({ domain: 'nobody', descriptors: [descriptor('node')] });
const wrong = await ask({ domain: '', descriptors: [descriptor('node')] });
console.log(JSON.stringify({ answers, together, override, unknown, wrong }));
client.close();

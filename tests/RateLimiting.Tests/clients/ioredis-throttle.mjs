// node ioredis-throttle.mjs PORT PASSWORD: asks CL.THROTTLE as applications do, and prints the replies as JSON.
import Redis from 'ioredis';

const [port, password] = process.argv.slice(2);
const redis = new Redis({ port: Number(port), host: '127.0.0.1', password, connectionName: 'ioredis-test', lazyConnect: true });
await redis.connect();

const replies = [];
for (let i = 0; i < 3; i++)
  replies.push(await redis.call('CL.THROTTLE', 'ioredis:one', 1, 1, 3600));

const pipeline = redis.pipeline();
for (let i = 0; i < 100; i++)
  pipeline.call('CL.THROTTLE', `ioredis:${i}`, 9, 10, 60);
const pipelined = (await pipeline.exec()).map(([error, reply]) => error?.message ?? reply);

const wrong = await redis.call('CL.THROTTLE', 'k', -1, 1, 1).catch(error => error.message);
const name = await redis.client('GETNAME');
console.log(JSON.stringify({ replies, pipelined, wrong, name }));
redis.disconnect();

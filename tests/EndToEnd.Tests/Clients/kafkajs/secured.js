// A user's kafkajs program against a secured server: node secured.js BOOTSTRAP CA USER PASSWORD; prints one line of JSON.
const fs = require('fs');
const { Kafka, logLevel } = require('kafkajs');

const [bootstrap, ca, username, password] = process.argv.slice(2);
const topic = 'kafkajs-secured';

const kafka = (secret) => new Kafka({
  clientId: 'kafkajs-e2e',
  brokers: [bootstrap],
  logLevel: logLevel.NOTHING,
  retry: { retries: 3 },
  ssl: { ca: [fs.readFileSync(ca, 'utf-8')] },
  sasl: { mechanism: 'scram-sha-512', username, password: secret },
});

(async () => {
  const producer = kafka(password).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: 'hello' }] });
  await producer.disconnect();
  const consumer = kafka(password).consumer({ groupId: 'kafkajs-secured', sessionTimeout: 10000 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const value = await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no record came')), 30000).unref();
    consumer.run({ eachMessage: async ({ message }) => resolve(message.value.toString()) });
  });
  await consumer.disconnect();
  let refused = '';
  try {
    await kafka('wrong').admin().connect();
  } catch (error) {
    let cause = error;
    while (cause.cause) cause = cause.cause;
    refused = cause.type || (cause.name === 'KafkaJSSASLAuthenticationError' ? 'SASL_AUTHENTICATION_FAILED' : cause.name);
  }
  console.log(JSON.stringify({ value, refused }));
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

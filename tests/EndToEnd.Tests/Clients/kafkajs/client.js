// A user's kafkajs program: node client.js BOOTSTRAP TOPIC MODE [ARGUMENT]; prints one line of JSON.
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs');
const lz4 = require('lz4js');
const snappy = require('kafkajs-snappy');
const { ZstdCodec } = require('zstd-codec');

const [bootstrap, topic, mode, argument] = process.argv.slice(2);
const kafka = new Kafka({ clientId: 'kafkajs-e2e', brokers: bootstrap.split(','), logLevel: logLevel.ERROR, retry: { retries: 8 } });

CompressionCodecs[CompressionTypes.Snappy] = snappy;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});

const zstdReady = new Promise((resolve) => ZstdCodec.run((zstd) => resolve(new zstd.Simple())));
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from((await zstdReady).compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from((await zstdReady).decompress(buffer)),
});

const print = (value) => console.log(JSON.stringify(value));

// Reads until `count` records have come, or fails after 30 s.
async function consume(groupId, count, onStart = async () => {}) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10000, rebalanceTimeout: 10000 });
  const records = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let finish;
  const finished = new Promise((resolve, reject) => {
    finish = resolve;
    setTimeout(() => reject(new Error(`only ${records.length} of ${count} records came`)), 30000).unref();
  });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      records.push({
        partition,
        offset: Number(message.offset),
        key: message.key && message.key.toString(),
        value: message.value && message.value.toString(),
        timestamp: Number(message.timestamp),
        headers: Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, value.toString()])),
      });
      if (records.length >= count) finish();
    },
  });
  await onStart(consumer);
  await finished;
  return { consumer, records };
}

const modes = {
  // Every codec in turn; what was produced is what is consumed.
  async roundTrip() {
    const producer = kafka.producer({ idempotent: argument === 'idempotent', maxInFlightRequests: 1 });
    await producer.connect();
    const codecs = [CompressionTypes.None, CompressionTypes.GZIP, CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD];
    for (const compression of codecs) {
      const messages = [...Array(100).keys()].map((i) => ({
        key: `key-${i % 7}`, value: `codec ${compression} value ${i} ${'y'.repeat(i)}`, headers: { codec: `${compression}` }, timestamp: `${1700000000000 + i}`,
      }));
      await producer.send({ topic, compression, acks: -1, messages });
    }
    await producer.disconnect();
    const { consumer, records } = await consume(`kafkajs-${topic}`, codecs.length * 100);
    await consumer.disconnect();
    print({ count: records.length, distinct: new Set(records.map((r) => r.value)).size, headersRight: records.every((r) => r.value.startsWith(`codec ${r.headers.codec} `)), firstTimestamp: Math.min(...records.map((r) => r.timestamp)) });
  },

  // Two members share four partitions; one leaves; the other takes over.
  async rebalance() {
    const admin = kafka.admin();
    const producer = kafka.producer();
    await Promise.all([admin.connect(), producer.connect()]);
    await producer.send({ topic, messages: [...Array(200).keys()].map((i) => ({ key: `${i}`, value: `${i}` })) });
    const groupId = `kafkajs-group-${topic}`;
    const seen = new Set();
    const start = async () => {
      const consumer = kafka.consumer({ groupId, sessionTimeout: 10000, rebalanceTimeout: 10000, heartbeatInterval: 500 });
      let assigned = 0;
      const waiting = [];
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        assigned = (payload.memberAssignment[topic] || []).length;
        waiting.splice(0).forEach((wake) => wake());
      });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => { seen.add(message.value.toString()); } });
      const until = async (n) => {
        const limit = Date.now() + 30000;
        while (assigned !== n) {
          if (Date.now() > limit) throw new Error(`${assigned} partitions assigned, not ${n}`);
          await new Promise((wake) => { waiting.push(wake); setTimeout(wake, 200); });
        }
      };
      return { consumer, until };
    };
    const first = await start();
    await first.until(4);
    const second = await start();
    await Promise.all([first.until(2), second.until(2)]);
    const described = await admin.describeGroups([groupId]);
    await second.consumer.disconnect();
    await first.until(4);
    const limit = Date.now() + 30000;
    while (seen.size < 200 && Date.now() < limit) await new Promise((wake) => setTimeout(wake, 100));
    await first.consumer.disconnect();
    print({ seen: seen.size, members: described.groups[0].members.length, protocol: described.groups[0].protocol, state: described.groups[0].state });
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  },

  // Seeks while running, and asks for offsets by time.
  async seek() {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [...Array(50).keys()].map((i) => ({ value: `${i}`, timestamp: `${1700000000000 + i * 1000}` })) });
    await producer.disconnect();
    const { consumer, records } = await consume(`kafkajs-seek-${topic}`, 10, async (c) => c.seek({ topic, partition: 0, offset: '40' }));
    await consumer.disconnect();
    const admin = kafka.admin();
    await admin.connect();
    const byTime = await admin.fetchTopicOffsetsByTimestamp(topic, 1700000000000 + 25500);
    const offsets = await admin.fetchTopicOffsets(topic);
    await admin.disconnect();
    print({ tail: records.slice(-10).map((r) => r.value), byTime: byTime[0].offset, low: offsets[0].low, high: offsets[0].high });
  },

  // Transactions: records and offsets that are committed count, those that are aborted don't.
  async transactions() {
    const producer = kafka.producer({ transactionalId: `kafkajs-${topic}`, idempotent: true, maxInFlightRequests: 1 });
    const admin = kafka.admin();
    await Promise.all([producer.connect(), admin.connect()]);
    const groupId = `kafkajs-offsets-${topic}`;
    for (let round = 0; round < 6; round++) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [...Array(10).keys()].map((i) => ({ value: `${round}/${i}` })) });
      await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions: [{ partition: 0, offset: `${round + 1}` }] }] });
      await (round % 2 === 0 ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const { consumer, records } = await consume(`kafkajs-tx-${topic}`, 30);
    await consumer.disconnect();
    let offset;
    for (let i = 0; i < 50 && offset !== '5'; i++) {
      offset = (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions.find((p) => p.partition === 0).offset;
      await new Promise((wake) => setTimeout(wake, 100));
    }
    await admin.disconnect();
    print({ count: records.length, rounds: [...new Set(records.map((r) => r.value[0]))].sort().join(''), offset });
  },

  // Produces and consumes for `argument` seconds, whatever happens to the brokers meanwhile; then consumes the rest.
  async endure() {
    const patient = new Kafka({
      clientId: 'kafkajs-endures', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 60 },
    });
    const producer = patient.producer({ idempotent: true, maxInFlightRequests: 1 });
    const consumer = patient.consumer({ groupId: `kafkajs-${topic}`, sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 500 });
    await Promise.all([producer.connect(), consumer.connect()]);
    const seen = new Set();
    const last = {};
    const disorder = new Set();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const value = Number(message.value.toString());
        if (!seen.has(value)) {
          if (value < (last[partition] || 0)) disorder.add(value);
          last[partition] = value;
        }
        seen.add(value);
      },
    });
    let sent = 0;
    for (const end = Date.now() + Number(argument) * 1000; Date.now() < end; ) {
      // One partition a call: of a call to several, kafkajs 2.2.4 leaves out what failed at one broker and has moved to another that had
      // answered already (github.com/tulios/kafkajs/issues/1303), and says nothing.
      await Promise.all([0, 1, 2].map((partition) => {
        const messages = [...Array(10).keys()].map(() => ({ partition, value: `${++sent}` }));
        return producer.send({ topic, acks: -1, messages });
      }));
      await new Promise((wake) => setTimeout(wake, 20));
    }
    for (const limit = Date.now() + 30000; seen.size < sent && Date.now() < limit; ) await new Promise((wake) => setTimeout(wake, 100));
    print({ sent, seen: seen.size, disorder: disorder.size });
  },

  // Has every partition led by the broker whose id is `argument`, and waits until that is so.
  async reassign() {
    const admin = kafka.admin();
    await admin.connect();
    const partitions = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.map((p) => p.partitionId);
    await admin.alterPartitionReassignments({
      topics: [{ topic, partitionAssignment: partitions.map((partition) => ({ partition, replicas: [Number(argument)] })) }],
    });
    const leaders = async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.map((p) => p.leader);
    const going = async () => (await admin.listPartitionReassignments({})).topics.length;
    const limit = Date.now() + 20000;
    while (((await going()) > 0 || (await leaders()).some((leader) => leader !== Number(argument))) && Date.now() < limit) {
      await new Promise((wake) => setTimeout(wake, 100));
    }
    print({ leaders: await leaders(), going: await going() });
    await admin.disconnect();
  },

  // What an operator's tool asks for: settings of brokers, groups and their offsets, records deleted.
  async tools() {
    const admin = kafka.admin();
    const producer = kafka.producer();
    await Promise.all([admin.connect(), producer.connect()]);
    await producer.send({ topic, messages: [...Array(10).keys()].map((i) => ({ value: `${i}` })) });
    const groupId = `tools-${topic}`;
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '7' }] });
    const offsets = await admin.fetchOffsets({ groupId, topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] });
    const { brokers } = await admin.describeCluster();
    const broker = { type: 4, name: `${brokers[0].nodeId}` };
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...broker, configEntries: [{ name: 'log.retention.ms', value: '5400000' }] }] });
    const configs = await admin.describeConfigs({ resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }], includeSynonyms: true });
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...broker, configEntries: [] }] });
    const groups = await admin.listGroups();
    await admin.deleteGroups([groupId]);
    print({
      offset: offsets[0].partitions[0].offset, low: (await admin.fetchTopicOffsets(topic))[0].low,
      retention: configs.resources[0].configEntries[0].configValue, source: configs.resources[0].configEntries[0].configSource,
      listed: groups.groups.some((group) => group.groupId === groupId),
    });
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  },

  // The admin calls of a user interface.
  async admin() {
    const admin = kafka.admin();
    await admin.connect();
    const created = await admin.createTopics({ topics: [{ topic: `${topic}-made`, numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '60000' }] }] });
    await admin.createPartitions({ topicPartitions: [{ topic: `${topic}-made`, count: 5 }] });
    const configs = await admin.describeConfigs({ resources: [{ type: 2, name: `${topic}-made`, configNames: ['retention.ms'] }], includeSynonyms: false });
    const metadata = await admin.fetchTopicMetadata({ topics: [`${topic}-made`] });
    const cluster = await admin.describeCluster();
    await admin.deleteTopics({ topics: [`${topic}-made`] });
    const left = await admin.listTopics();
    await admin.disconnect();
    print({
      created, retention: configs.resources[0].configEntries[0].configValue, partitions: metadata.topics[0].partitions.length,
      brokers: cluster.brokers.length, clusterId: cluster.clusterId, gone: !left.includes(`${topic}-made`),
    });
  },
};

modes[mode]().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });

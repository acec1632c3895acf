//! A real broker, alone on a port of this machine, and a producer for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::server::{DEADLINE, Server, program};
pub(crate) use super::server::{Port, until};

/// A broker with its data in a temporary folder; dropping it kills it.
pub(crate) struct Broker {
    /// Before its folder, which goes after it.
    process: Server,
    folder: tempfile::TempDir,
    port: Port,
    front: Option<Front>,
    producer: OnceLock<BaseProducer>,
}

/// TLS, through which alone clients reach a broker.
pub(crate) struct Front {
    pub(crate) port: Port,
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A message: a partition where it matters, a key and a value.
pub(crate) type Record<'r> = (Option<i32>, Option<&'r [u8]>, Option<&'r [u8]>);

impl Broker {
    pub(crate) fn start() -> Self {
        Self::start_at(Port::take(), None)
    }

    /// One that listens at a port and sends its clients to what stands in front of it.
    pub(crate) fn start_behind(front: Front, port: Port) -> Self {
        Self::start_at(port, Some(front))
    }

    fn start_at(port: Port, front: Option<Front>) -> Self {
        let folder = tempfile::Builder::new().prefix("alluvium-broker-").tempdir().unwrap();
        let mut broker = Self { process: Server::default(), folder, port, front, producer: OnceLock::new() };
        broker.restart();
        broker
    }

    /// Where clients reach it, `host:port`.
    pub(crate) fn address(&self) -> String {
        self.front.as_ref().map_or(&self.port, |front| &front.port).address()
    }

    /// Kills it, as loss of power would; what it has acknowledged is in its files.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, over the files that it has.
    pub(crate) fn restart(&mut self) {
        let url = format!("tcp://{}", self.port.address());
        let advertised = format!("tcp://{}", self.address());
        let mut command = Command::new(program("nisshi", "ALLUVIUM_BROKER"));
        command.args(["broker", "--listener-url", &url, "--advertised-listener-url", &advertised]);
        command.args(["--storage-engine", "sqlite://nisshi.db", "--silent"]);
        command.args(["--group-initial-rebalance-delay", "0s", "--group-poll-interval", "50ms"]);
        command.current_dir(self.folder.path());
        self.process.start(&mut command, &self.folder.path().join("log"), &self.port.address());
    }

    /// Starts it again with nothing in it.
    pub(crate) fn wipe(&mut self) {
        self.kill();
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        self.restart();
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address()).set("log_level", "0");
        if let Some(Front { authority, certificate, key, .. }) = &self.front {
            config.set("security.protocol", "ssl").set("ssl.ca.location", authority.to_string_lossy());
            config.set("ssl.certificate.location", certificate.to_string_lossy());
            config.set("ssl.key.location", key.to_string_lossy());
        }
        config
    }

    /// On a thread of its own, as the caller may be in the middle of a runtime.
    fn admin<T: Send>(
        &self,
        work: impl AsyncFnOnce(AdminClient<DefaultClientContext>, AdminOptions) -> T + Send,
    ) -> T {
        let admin = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
            let options = options.request_timeout(Some(DEADLINE));
            runtime.block_on(work(self.config().create().unwrap(), options))
        };
        std::thread::scope(|scope| scope.spawn(admin).join().unwrap())
    }

    pub(crate) fn create_topic(&self, topic: &str, partitions: i32) {
        self.create_topic_with(topic, partitions, &[]);
    }

    pub(crate) fn create_topic_with(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        self.admin(async |admin, options| {
            let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
                .set("max.message.bytes", "40000000");
            let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
            admin.create_topics([&new], &options).await.unwrap().remove(0).unwrap();
        });
    }

    /// Removes what a partition has before an offset, as retention does.
    pub(crate) fn remove_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        self.admin(async |admin, options| admin.delete_records(&offsets, &options).await.map(drop).unwrap());
    }

    /// Sends records, and waits until the broker has all of them.
    pub(crate) fn send(&self, topic: &str, records: &[Record<'_>]) {
        self.send_with_headers(topic, &[], records);
    }

    /// The same, each with these headers.
    pub(crate) fn send_with_headers(&self, topic: &str, headers: &[(&str, &str)], records: &[Record<'_>]) {
        let producer = self.producer.get_or_init(|| {
            let mut config = self.config();
            config.set("acks", "all").set("message.max.bytes", "40000000").set("linger.ms", "0");
            config.set("reconnect.backoff.max.ms", "200").create().unwrap()
        });
        for (partition, key, value) in records {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
            (record.partition, record.key, record.payload) = (*partition, *key, *value);
            let header = |all: OwnedHeaders, (key, value): &(&str, &str)| {
                all.insert(Header { key, value: Some(*value) })
            };
            record.headers = (!headers.is_empty()).then(|| headers.iter().fold(OwnedHeaders::new(), header));
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(DEADLINE).unwrap();
        assert_eq!(producer.in_flight_count(), 0);
    }

    /// The first offset that a partition has, and the one after its last.
    pub(crate) fn bounds(&self, topic: &str, partition: i32) -> (i64, i64) {
        let consumer: BaseConsumer = self.config().create().unwrap();
        consumer.fetch_watermarks(topic, partition, DEADLINE).unwrap()
    }

    /// The messages of a partition, each with its value and its headers by name.
    pub(crate) fn read(&self, topic: &str, partition: i32) -> Vec<(Vec<u8>, BTreeMap<String, String>)> {
        let (low, high) = self.bounds(topic, partition);
        let consumer: BaseConsumer = self.config().set("group.id", "test").create().unwrap();
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_offset(topic, partition, Offset::Offset(low)).unwrap();
        consumer.assign(&wanted).unwrap();
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let read = |_| {
            let message = until(|| consumer.poll(Duration::ZERO), "message").unwrap();
            let headers = message.headers().into_iter().flat_map(Headers::iter);
            let headers = headers.map(|header| (header.key.to_owned(), text(header.value))).collect();
            (message.payload().unwrap_or_default().to_vec(), headers)
        };
        (low..high).map(read).collect()
    }

    /// What a group has committed of a partition.
    pub(crate) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().unwrap();
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition(topic, partition);
        let found = consumer.committed_offsets(wanted, DEADLINE).unwrap();
        match found.find_partition(topic, partition).unwrap().offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }
}

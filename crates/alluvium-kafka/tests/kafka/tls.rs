//! Brokers behind TLS: a real broker, with TLS in front of it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use alluvium_kafka::{Identity, Tls};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::broker::{Front, Port};
use super::*;

/// Certificates in a folder: an authority, and what it has signed.
struct Certificates {
    folder: tempfile::TempDir,
    authority: (X509, PKey<Private>),
}

impl Certificates {
    fn new() -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap(), authority: certificate("authority", None) };
        std::fs::write(made.path("authority.pem"), made.authority.0.to_pem().unwrap()).unwrap();
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for this machine, signed by the authority.
    fn sign(&self, name: &str) -> Identity {
        let (signed, key) = certificate(name, Some(&self.authority));
        let paths = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&paths.0, signed.to_pem().unwrap()).unwrap();
        std::fs::write(&paths.1, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        Identity { certificate: paths.0, key: paths.1, key_password: None }
    }
}

fn certificate(name: &str, issuer: Option<&(X509, PKey<Private>)>) -> (X509, PKey<Private>) {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut building = X509::builder().unwrap();
    building.set_version(2).unwrap();
    building
        .set_serial_number(&BigNum::from_u32(name.len() as u32).unwrap().to_asn1_integer().unwrap())
        .unwrap();
    building.set_subject_name(&subject).unwrap();
    building.set_issuer_name(issuer.map_or(&*subject, |(issuer, _)| issuer.subject_name())).unwrap();
    building.set_pubkey(&key).unwrap();
    building.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    building.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let extension = match issuer {
        None => BasicConstraints::new().critical().ca().build().unwrap(),
        Some(_) => {
            let context = building.x509v3_context(issuer.map(|(issuer, _)| &**issuer), None);
            SubjectAlternativeName::new().ip("127.0.0.1").build(&context).unwrap()
        }
    };
    building.append_extension(extension).unwrap();
    building.sign(issuer.map_or(&key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    (building.build(), key)
}

/// A broker that is reached through TLS only, with one message.
fn started_behind(certificates: &Certificates, asks_back: bool) -> Broker {
    let own = certificates.sign("broker");
    let authority = certificates.path("authority.pem");
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate_file(&own.certificate, SslFiletype::PEM).unwrap();
    acceptor.set_private_key_file(&own.key, SslFiletype::PEM).unwrap();
    if asks_back {
        acceptor.set_ca_file(&authority).unwrap();
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    let (port, behind) = (Port::take(), Port::take());
    serve(&port, acceptor.build(), behind.address());
    let client = certificates.sign("harness");
    let front = Front { port, authority, certificate: client.certificate, key: client.key };
    let broker = Broker::start_behind(front, behind);
    broker.create_topic(TOPIC, 1);
    send(&broker, &[("a", "1")]);
    broker
}

/// Takes connections until the test ends.
fn serve(port: &Port, acceptor: SslAcceptor, to: String) {
    let listener = TcpListener::bind(port.address()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            std::thread::spawn(move || {
                if let (Ok(outer), Ok(inner)) = (acceptor.accept(stream.unwrap()), TcpStream::connect(to)) {
                    // A connection that ends is one that a client has closed.
                    let _ = pump(outer, inner);
                }
            });
        }
    });
}

/// Carries bytes both ways. Of a TLS stream only one thread can have both halves.
#[allow(clippy::disallowed_methods, reason = "polls two sockets")]
fn pump(mut outer: SslStream<TcpStream>, mut inner: TcpStream) -> io::Result<()> {
    outer.get_ref().set_nonblocking(true)?;
    inner.set_nonblocking(true)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let mut carried = 0;
        for inwards in [true, false] {
            let read = if inwards { outer.read(&mut buffer) } else { inner.read(&mut buffer) };
            let bytes = match read {
                Ok(0) => return Ok(()),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            carried += bytes;
            let mut rest = &buffer[..bytes];
            while !rest.is_empty() {
                match if inwards { inner.write(rest) } else { outer.write(rest) } {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if carried == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn trusting(broker: &Broker, ca: Option<&Path>, identity: Option<Identity>) -> KafkaSpec {
    let tls = Some(Tls { ca: ca.map(Path::to_owned), identity });
    KafkaSpec { connection: Connection { tls, ..connection(broker) }, ..spec(broker) }
}

async fn refusal(spec: &KafkaSpec) -> String {
    let mut source = source(spec, KafkaMode::Backfill, &Checkpoint::default());
    let answer = tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap();
    assert!(matches!(answer, Err(SourceError::Unavailable { .. })), "{answer:?}");
    answer.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_are_known_by_their_certificates() {
    let certificates = Certificates::new();
    let broker = started_behind(&certificates, false);
    let trusted = trusting(&broker, Some(&certificates.path("authority.pem")), None);
    let read = backfill(&trusted, &Checkpoint::default(), ROOM).await;
    assert_eq!(read.verbs, ["a=1"]);
    let mut follows = Read::default();
    follows.follow(&mut source(&trusted, KafkaMode::Follow, &Checkpoint::default()), 1).await;
    assert_eq!(follows.verbs, ["a=1"]);
    // Nobody on this machine vouches for it.
    let said = refusal(&trusting(&broker, None, None)).await;
    assert!(said.contains("certificate verify failed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_asks_is_shown_our_certificate() {
    let certificates = Certificates::new();
    let broker = started_behind(&certificates, true);
    let ca = certificates.path("authority.pem");
    let known = trusting(&broker, Some(&ca), Some(certificates.sign("reader")));
    assert_eq!(backfill(&known, &Checkpoint::default(), ROOM).await.verbs, ["a=1"]);
    let said = refusal(&trusting(&broker, Some(&ca), None)).await;
    assert!(said.contains("certificate required"), "{said}");
}

use super::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

struct Made {
    certificate: String,
    key: String,
}

fn made(until: (i32, u8, u8)) -> Made {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    Made { certificate, key: key.serialize_pem() }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn files(&self) -> PairFiles {
        PairFiles { certificate: self.0.path().join("a.pem"), key: self.0.path().join("a.key") }
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.files().certificate, certificate).expect("written");
        std::fs::write(self.files().key, key).expect("written");
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn every_mistake_is_told_for_what_it_is() {
    let folder = Folder::new();
    let check = |certificate: &str, key: &str, words: &str, is_of_key: bool| {
        folder.write(certificate, key);
        let error = Certificates::read(folder.files()).expect_err(words);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.is_of_key(&folder.files()), is_of_key, "{error}");
        assert!(!error.to_string().contains("BEGIN EC"), "{error}");
    };
    let missing = Certificates::read(folder.files()).expect_err("nothing is there");
    assert!(missing.to_string().contains("cannot read"), "{missing}");
    let (one, other) = (made((2027, 1, 1)), made((2027, 1, 1)));
    check(&one.certificate, &other.key, "does not fit", true);
    check("", &one.key, "has no certificate", false);
    check(&one.key, &one.key, "has no certificate", false);
    check(&one.certificate, "", "has no private key", true);
    check(&one.certificate, &one.certificate, "has no private key", true);
    check(&one.certificate, &" ".repeat(2 * 1024 * 1024), "larger than 1 MiB", true);
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(damaged, &one.key, "is damaged", false);
    check("-----BEGIN CERTIFICATE-----\n\u{7}", &one.key, "has no certificate", false);
}

#[test]
fn the_chain_goes_along() {
    let folder = Folder::new();
    let (one, root) = (made((2027, 1, 1)), made((2036, 1, 1)));
    folder.write(&format!("{}{}", one.certificate, root.certificate), &one.key);
    let certificates = Certificates::read(folder.files()).expect("a pair");
    assert_eq!(certificates.pair().key.cert.len(), 2);
    assert_eq!(certificates.expires(), at("2027-01-01T00:00:00Z"), "that of the first one");
}

#[test]
fn a_new_pair_takes_over_and_a_broken_one_does_not() {
    let folder = Folder::new();
    let (old, new) = (made((2027, 1, 1)), made((2028, 1, 1)));
    folder.write(&old.certificate, &old.key);
    let certificates = Certificates::read(folder.files()).expect("a pair");
    assert!(matches!(certificates.look(), Look::Same));

    // Half of a renewal: the certificate is there, its key not yet.
    folder.write(&new.certificate, &old.key);
    assert!(matches!(certificates.look(), Look::Kept(CertificateError::NoPair { .. })));
    assert!(matches!(certificates.look(), Look::Same), "told once");
    assert!(certificates.trouble().is_some_and(|why| why.contains("does not fit")));
    assert_eq!(certificates.expires(), at("2027-01-01T00:00:00Z"), "the old one goes on");

    folder.write(&new.certificate, &new.key);
    let Look::Renewed { expires } = certificates.look() else { panic!("not taken") };
    assert_eq!((expires, certificates.expires()), (at("2028-01-01T00:00:00Z"), expires));
    assert_eq!(certificates.trouble(), None);

    std::fs::remove_file(folder.files().key).expect("removed");
    assert!(matches!(certificates.look(), Look::Kept(CertificateError::Read { .. })));
    assert!(matches!(certificates.look(), Look::Same));
    assert!(certificates.trouble().is_some());
    folder.write(&new.certificate, &new.key);
    assert!(matches!(certificates.look(), Look::Renewed { .. }));
    assert_eq!(certificates.trouble(), None);
}

#[test]
fn a_certificate_out_of_its_time_is_told() {
    let folder = Folder::new();
    let pair = made((2027, 1, 1));
    folder.write(&pair.certificate, &pair.key);
    let certificates = Certificates::read(folder.files()).expect("a pair");
    let check = |now: &str, words: Option<&str>| {
        let told = certificates.untimely(at(now));
        match (&told, words) {
            (Some(told), Some(words)) => assert!(told.contains(words), "{now}: {told}"),
            (told, words) => assert_eq!(told.as_deref(), words, "{now}"),
        }
    };
    check("2025-12-31T23:59:59Z", Some("is the clock right"));
    check("2026-01-01T00:00:00Z", None);
    check("2026-12-18T00:00:00Z", None);
    check("2026-12-18T00:00:01Z", Some("expires at"));
    check("2026-12-31T23:59:59Z", Some("expires at"));
    check("2027-01-01T00:00:00Z", Some("expired at"));
}

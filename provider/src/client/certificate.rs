//! Reads a certificate of any version.
//!
//! rustls reads X.509 version 3 alone, none of it with an unknown critical extension, and says nothing of the dates of one whose
//! end comes before its beginning.

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

/// The parts that are of use here.
pub(super) struct Parts<'a> {
    /// Whose signatures the handshake has.
    pub(super) key: SubjectPublicKeyInfoDer<'a>,
    validity: AnyRef<'a>,
}

impl<'a> Parts<'a> {
    /// The parts of a certificate; none where it has not the form of one.
    pub(super) fn of(certificate: &'a CertificateDer<'_>) -> Option<Self> {
        Self::read(certificate).ok()
    }

    fn read(certificate: &'a [u8]) -> der::Result<Self> {
        let signed: AnyRef<'a> = SliceReader::new(AnyRef::from_der(certificate)?.value())?.decode()?;
        let mut fields = SliceReader::new(signed.value())?;
        // The version, which is left out where it is 1.
        if Tag::peek(&fields)?.is_context_specific() {
            fields.tlv_bytes()?;
        }
        // Serial number, algorithm of the signature, issuer.
        for _ in 0..3 {
            fields.tlv_bytes()?;
        }
        let validity = fields.decode()?;
        // The subject.
        fields.tlv_bytes()?;
        Ok(Self { key: fields.tlv_bytes()?.into(), validity })
    }

    /// When it is valid, beside the clock: `valid from 2025-01-01 until 2026-01-01, and by this machine's clock it is 2026-11-28`.
    pub(super) fn dates(&self, now: UnixTime) -> Option<String> {
        let mut times = SliceReader::new(self.validity.value()).ok()?;
        let (from, until) = (day(times.decode().ok()?)?, day(times.decode().ok()?)?);
        let now = date(now.as_secs())?;
        Some(format!("the certificate is valid from {from} until {until}, and the clock of this machine shows {now}"))
    }
}

fn day(time: AnyRef<'_>) -> Option<String> {
    let since_1970 = match time.tag() {
        Tag::UtcTime => time.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => time.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    date(since_1970.as_secs())
}

fn date(seconds: u64) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

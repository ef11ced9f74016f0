//! Certificates: the district's own files, or made by a local authority of the data directory. Browsers give a camera to
//! secure pages only; a school network without a public name trusts the authority once (`/ca.pem`).

use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

use crate::config::{Config, Tls};

/// Clocks of schools are wrong by hours.
const EARLIER: Duration = Duration::days(2);
const AUTHORITY_LASTS: Duration = Duration::days(3_650);
/// Browsers refuse certificates that are valid for longer than 398 days.
const CERTIFICATE_LASTS: Duration = Duration::days(90);
/// A certificate is made at every start and again after so long.
pub(crate) const RENEWED_AFTER: Duration = Duration::days(30);

/// What the HTTPS listener needs.
#[derive(Clone, Debug)]
pub struct Material {
    /// Certificate and key; can be replaced while it serves.
    pub rustls: RustlsConfig,
    /// The authority's certificate (PEM), where it is ours.
    pub authority: Option<String>,
}

/// The certificate the settings ask for; `None` when TLS is off.
///
/// # Errors
///
/// When a file cannot be read or written, or is no certificate.
pub async fn prepare(config: &Config, now: OffsetDateTime) -> anyhow::Result<Option<Material>> {
    match config.tls {
        Tls::Off => Ok(None),
        Tls::Files => {
            let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) else {
                anyhow::bail!("tls = files needs tls_cert and tls_key");
            };
            let rustls = RustlsConfig::from_pem_file(cert, key).await.with_context(|| {
                format!(
                    "tls_cert = {:?} and tls_key = {:?} cannot be used",
                    cert.display(),
                    key.display()
                )
            })?;
            Ok(Some(Material {
                rustls,
                authority: None,
            }))
        }
        Tls::Local => {
            let made = make(config, now)?;
            let rustls = RustlsConfig::from_pem(made.chain.into_bytes(), made.key.into_bytes()).await?;
            Ok(Some(Material {
                rustls,
                authority: Some(made.authority),
            }))
        }
    }
}

/// Puts a fresh certificate in the place of the one that is served.
///
/// # Errors
///
/// As [`prepare`].
pub async fn renew(config: &Config, material: &Material, now: OffsetDateTime) -> anyhow::Result<()> {
    if let (Tls::Files, Some(cert), Some(key)) = (config.tls, &config.tls_cert, &config.tls_key) {
        material.rustls.reload_from_pem_file(cert, key).await?;
    } else {
        let made = make(config, now)?;
        material
            .rustls
            .reload_from_pem(made.chain.into_bytes(), made.key.into_bytes())
            .await?;
    }
    Ok(())
}

/// PEM texts of a fresh certificate.
struct Made {
    chain: String,
    key: String,
    authority: String,
}

fn make(config: &Config, now: OffsetDateTime) -> anyhow::Result<Made> {
    let (authority, authority_key) = authority(&config.data.join("tls"), now)?;
    let issuer = Issuer::new(authority_params(&authority_key, now), authority_key);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names(config))?;
    for ip in addresses(config) {
        params.subject_alt_names.push(SanType::IpAddress(ip));
    }
    params.distinguished_name.push(DnType::CommonName, "Tongke");
    params.not_before = now - EARLIER;
    params.not_after = now + CERTIFICATE_LASTS;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Made {
        chain: certificate.pem() + &authority,
        key: key.serialize_pem(),
        authority,
    })
}

/// The authority's certificate (PEM) and key, made when they are not there.
fn authority(directory: &Path, now: OffsetDateTime) -> anyhow::Result<(String, KeyPair)> {
    let (cert_path, key_path) = (directory.join("ca.pem"), directory.join("ca.key"));
    if cert_path.exists() && key_path.exists() {
        let read = |path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let key = KeyPair::from_pem(&read(&key_path)?)
            .with_context(|| format!("{} is no private key", key_path.display()))?;
        return Ok((read(&cert_path)?, key));
    }
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let key = KeyPair::generate()?;
    let certificate = authority_params(&key, now).self_signed(&key)?.pem();
    write_private(&key_path, key.serialize_pem().as_bytes())?;
    std::fs::write(&cert_path, &certificate)
        .with_context(|| format!("cannot write {}", cert_path.display()))?;
    Ok((certificate, key))
}

/// The authority signs certificates and no other authorities. Its name tells installations apart by their keys.
fn authority_params(key: &KeyPair, now: OffsetDateTime) -> CertificateParams {
    let fingerprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key_raw());
    let [a, b, c, ..] = fingerprint.as_ref() else {
        unreachable!("SHA-256 has 32 bytes")
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(
        DnType::CommonName,
        format!("Tongke local authority {a:02x}{b:02x}{c:02x}"),
    );
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - EARLIER;
    params.not_after = now + AUTHORITY_LASTS;
    params
}

fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Host names the certificate is for.
fn names(config: &Config) -> Vec<String> {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim().to_owned();
    let mut names = vec!["localhost".to_owned()];
    // A host name may hold what no certificate can.
    let fit = |name: &String| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
    };
    names.extend([format!("{own}.local"), own].into_iter().filter(fit));
    names.extend(config.tls_names.iter().cloned());
    names.dedup();
    names
}

/// Addresses the certificate is for.
fn addresses(config: &Config) -> Vec<IpAddr> {
    let mut all: Vec<_> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .iter()
        .map(if_addrs::Interface::ip)
        .collect();
    all.extend(config.announce.iter().copied());
    all.extend([
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
    ]);
    all.extend(
        [config.listen.ip(), config.tls_listen.ip()]
            .into_iter()
            .filter(|ip| !ip.is_unspecified()),
    );
    all.sort_unstable();
    all.dedup();
    all
}

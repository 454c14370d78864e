//! The form of what is in Argo CD's Redis (argo-cd `util/cache/redis.go`): JSON, compressed or not, nothing around it.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;
use serde_json::Value;

/// How values are compressed, which their names say too. Who reads with another setting than who writes finds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// Argo CD's default.
    #[default]
    Gzip,
    /// Bare JSON.
    None,
}

impl Compression {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::None];

    /// As Argo CD's `--redis-compress` and `redis.compression` spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::None => "none",
        }
    }

    /// The end of a name.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }

    /// From how it is spelt; anything else keeps Argo CD from starting.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == text)
    }
}

/// The JSON text of `value`. Go escapes `<`, `>` and `&` besides; its reader does not ask for it.
pub fn json(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// `json` as it is stored.
///
/// # Errors
/// None that memory would cause: writing to a `Vec` does not fail.
pub fn compress(json: Vec<u8>, compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(json),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&json)?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_can_be_read() {
        let value = json!({"nodes": [{"kind": "Pod", "info": [{"name": "Status Reason", "value": "<ä>"}]}]});
        let stored = compress(super::json(&value), Compression::Gzip).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(stored.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        let stored = compress(super::json(&value), Compression::None).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), value);
    }

    #[test]
    fn compression_is_spelt_as_argo_cd_spells_it() {
        assert_eq!(Compression::parse("gzip"), Some(Compression::Gzip));
        assert_eq!(Compression::parse("none"), Some(Compression::None));
        assert_eq!(Compression::parse("GZIP"), None);
    }
}

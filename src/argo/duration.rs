//! Durations as Argo CD's settings and Applications write them.

use std::time::Duration;

/// A Go duration (`2m30s`), or a bare number of seconds (argo-cd `types.go`, `parseStringToDuration`).
pub fn parse(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let span: jiff::SignedDuration = text.trim().parse().ok()?;
    span.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_argo_cd_writes_them() {
        assert_eq!(parse("180s"), Some(Duration::from_secs(180)));
        assert_eq!(parse("2m30s"), Some(Duration::from_secs(150)));
        assert_eq!(parse("60"), Some(Duration::from_secs(60)));
        assert_eq!(parse("soon"), None);
    }
}

//! Objects as an OCI artifact of the kind that `flux push artifact` makes, or `helm push`. Pure.

use std::collections::BTreeMap;
use std::io;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use super::chart::{self, ChartMetadata};
use super::manifests;
use crate::argo::repository_url::without_user;
use crate::digest::sha256_hex;
use crate::names;

/// Media types of configuration and layer: of fluxcd/pkg `oci/client.go`,
const FLUX_TYPES: [&str; 2] =
    ["application/vnd.cncf.flux.config.v1+json", "application/vnd.cncf.flux.content.v1.tar+gzip"];
/// and of helm v4 `pkg/registry/constants.go`.
const CHART_TYPES: [&str; 2] = ["application/vnd.cncf.helm.config.v1+json", names::MEDIA_TYPE_CHART];
/// Media type of the manifest.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The files in the layer: the objects, and what tells Flux to build them and nothing else. An empty file of objects could not be
/// built.
const OBJECTS: &str = "manifests.yaml";
const KUSTOMIZATION: &str = "kustomization.yaml";

/// One artifact: a manifest and the blobs that it names.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Digest of the manifest (`sha256:…`), by which Flux asks for it.
    pub digest: String,
    pub(super) manifest: Vec<u8>,
    /// By digest.
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Image {
    /// Without the contents, which may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Image {
    /// Packs `objects`, which come from `revision` of the repository at `source` (credentials in that address stay out, since
    /// Flux tells it in events). Nothing else goes in, above all no time:
    /// the same input makes the same digest, today and after a restart.
    ///
    /// # Errors
    /// None that a correct archive could have: what is written stays in memory.
    pub fn pack(objects: &[Value], revision: &str, source: &str) -> io::Result<Self> {
        let documents = manifests::documents(objects);
        let resources = if objects.is_empty() { Vec::new() } else { vec![OBJECTS] };
        let kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": resources,
        });
        let kustomization = format!("{kustomization:#}\n");
        let layer = layer(&[(KUSTOMIZATION.to_owned(), kustomization), (OBJECTS.to_owned(), documents)])?;
        Ok(Self::of(FLUX_TYPES, &json!({}), layer, revision, source))
    }

    /// The same as a Helm chart, which is called as `chart` says.
    ///
    /// # Errors
    /// As [`Self::pack`].
    pub fn pack_chart(
        objects: &[Value],
        chart: &ChartMetadata,
        revision: &str,
        source: &str,
    ) -> io::Result<Self> {
        let layer = layer(&chart::files(objects, chart))?;
        Ok(Self::of(CHART_TYPES, &chart.to_value(), layer, revision, source))
    }

    fn of(types: [&str; 2], config: &Value, layer: Vec<u8>, revision: &str, source: &str) -> Self {
        let config = config.to_string().into_bytes();
        let (config_digest, layer_digest) = (digest(&config), digest(&layer));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": types[0], "digest": config_digest, "size": config.len()},
            "layers": [{"mediaType": types[1], "digest": layer_digest, "size": layer.len()}],
            "annotations": {names::ANNOTATION_IMAGE_REVISION: revision, names::ANNOTATION_IMAGE_SOURCE: without_user(source)},
        });
        let manifest = manifest.to_string().into_bytes();
        let blobs = BTreeMap::from([(config_digest, config), (layer_digest, layer)]);
        Self { digest: digest(&manifest), manifest, blobs }
    }

    /// What it takes up in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.manifest.len() + self.blobs.values().map(Vec::len).sum::<usize>()
    }
}

fn layer(files: &[(String, String)]) -> io::Result<Vec<u8>> {
    // Neither a time nor the name of an operating system.
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    let mut archive = tar::Builder::new(gzip);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, name, text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn objects(value: &str) -> Vec<Value> {
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": value}}),
        ]
    }

    #[test]
    fn the_digest_follows_contents_and_revision_and_nothing_else() {
        let pack =
            |value, revision| Image::pack(&objects(value), revision, "https://git.example.org/a").unwrap();
        assert_eq!(pack("v", "1"), pack("v", "1"));
        assert_ne!(pack("v", "1").digest, pack("w", "1").digest);
        assert_ne!(pack("v", "1").digest, pack("v", "2").digest);
    }

    #[test]
    fn the_manifest_names_what_is_served() {
        let image = Image::pack(&objects("v"), "0123", "https://git.example.org/a").unwrap();
        let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        assert_eq!(manifest["annotations"]["org.opencontainers.image.revision"], "0123");
        for blob in [&manifest["config"], &manifest["layers"][0]] {
            let bytes = &image.blobs[blob["digest"].as_str().unwrap()];
            assert_eq!(blob["size"], bytes.len());
            assert_eq!(blob["digest"], digest(bytes));
        }
        let layer = &image.blobs[manifest["layers"][0]["digest"].as_str().unwrap()];
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer.as_slice()));
        let files: Vec<(String, Value)> = archive
            .entries()
            .unwrap()
            .map(|file| {
                let mut file = file.unwrap();
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                (file.path().unwrap().display().to_string(), serde_json::from_str(&text).unwrap())
            })
            .collect();
        assert_eq!(files[0].0, "kustomization.yaml");
        assert_eq!(files[0].1["resources"], json!(["manifests.yaml"]));
        assert_eq!(files[1], ("manifests.yaml".to_owned(), objects("v")[0].clone()));
    }

    #[test]
    fn a_chart_is_of_helms_types() {
        let chart = ChartMetadata { name: "web".into(), version: "1.2.3".into(), app_version: String::new() };
        let image = Image::pack_chart(&objects("v"), &chart, "0123", "https://git.example.org/a").unwrap();
        let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.cncf.helm.config.v1+json");
        let layer = &manifest["layers"][0];
        assert_eq!(layer["mediaType"], "application/vnd.cncf.helm.chart.content.v1.tar+gzip");
        let config: Value =
            serde_json::from_slice(&image.blobs[manifest["config"]["digest"].as_str().unwrap()]).unwrap();
        assert_eq!(config["version"], "1.2.3");
        let other = ChartMetadata { version: "1.2.4".into(), ..chart };
        assert_ne!(Image::pack_chart(&objects("v"), &other, "0123", "x").unwrap().digest, image.digest);
    }

    #[test]
    fn nothing_of_the_contents_is_logged() {
        let image = Image::pack(&objects("hunter2"), "1", "x").unwrap();
        assert!(!format!("{image:?}").contains("blobs"));
    }

    #[test]
    fn nothing_rendered_is_an_artifact_too() {
        assert!(Image::pack(&[], "1", "x").is_ok());
    }
}

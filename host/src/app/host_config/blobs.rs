//! `extensions.blobs` of host.json.

use super::super::BlobsConfig;
use super::super::error::Problem;
use super::super::json::Item;

/// Reads the section.
pub(super) fn read(section: &Item<'_>) -> Result<BlobsConfig, Problem> {
    let mut config = BlobsConfig::default();
    if let Some(most) = section.get("maxDegreeOfParallelism")? {
        config.max_degree_of_parallelism =
            most.integer(1..=10_000, "a number of calls at once, from 1 to 10000")? as usize;
    }
    if let Some(threshold) = section.get("poisonBlobThreshold")? {
        config.poison_blob_threshold = threshold.integer(1..=1_000_000, "a whole number from 1 on")? as u32;
    }
    Ok(config)
}

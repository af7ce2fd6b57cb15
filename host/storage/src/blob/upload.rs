//! Uploads blobs: at once, or block by block.

use std::collections::HashMap;
use std::num::NonZero;

use azure_core::http::Body;
use azure_storage_blob::BlockBlobClient;
use azure_storage_blob::models::{
    BlobClientUploadOptions, BlockBlobClientCommitBlockListOptions,
    BlockBlobClientCommitBlockListResultHeaders, BlockBlobClientStageBlockOptions, BlockLookupList,
};
use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use super::{Blob, Conditions, check_metadata};
use crate::error::StorageError;

/// The length of a block. An upload holds one at a time.
const BLOCK: usize = 4 * 1024 * 1024;
/// The service's limit, which allows for 195 GiB.
const MAX_BLOCKS: u32 = 50_000;
/// Longer contents are uploaded in parts of this length. The longest single request of the service is far longer.
const PART: NonZero<u64> = NonZero::new(32 * 1024 * 1024).expect("not zero");
const PARALLEL_PARTS: NonZero<usize> = NonZero::new(2).expect("not zero");

/// How a blob is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    /// The blob's content type; `application/octet-stream` if there is none.
    pub content_type: Option<String>,
    /// Replaces the metadata of the blob that is overwritten.
    pub metadata: HashMap<String, String>,
    /// Under which conditions the blob is written.
    pub conditions: Conditions,
}

impl Upload {
    fn metadata(&self) -> Result<Option<HashMap<String, String>>, StorageError> {
        check_metadata(&self.metadata)?;
        Ok((!self.metadata.is_empty()).then(|| self.metadata.clone()))
    }
}

/// An upload in progress. The blob changes when it is committed; if it is dropped before, nothing is visible, and the
/// service removes the blocks after a week.
pub struct BlockUpload {
    blob: Blob,
    client: BlockBlobClient,
    how: Upload,
    /// The first part of the ids of this upload's blocks, so that uploads at the same time do not mix.
    prefix: [u8; 12],
    blocks: u32,
    /// Less than a block.
    pending: BytesMut,
}

impl Blob {
    /// Writes the blob: creates it, or overwrites it if the conditions allow. Returns the etag.
    ///
    /// # Errors
    ///
    /// [`StorageError::Conflict`] if it exists and the conditions want it missing,
    /// [`StorageError::PreconditionFailed`] if another condition does not hold, [`StorageError::NotFound`] if there is
    /// no such container, [`StorageError::InvalidInput`] if the metadata is not valid.
    pub async fn upload(&self, content: Bytes, how: &Upload) -> Result<String, StorageError> {
        let options = BlobClientUploadOptions {
            blob_content_type: how.content_type.clone(),
            metadata: how.metadata()?,
            if_match: how.conditions.if_match(),
            if_none_match: how.conditions.if_none_match(),
            lease_id: how.conditions.lease.clone(),
            parallel: Some(PARALLEL_PARTS),
            partition_size: Some(PART),
            ..BlobClientUploadOptions::default()
        };
        let content = Body::Bytes(content).into();
        let uploaded = self.client.upload(content, Some(options)).await;
        let etag = uploaded.map_err(|error| self.target.error(&error))?.etag;
        Ok(etag.ok_or_else(|| self.target.incomplete("etag"))?.into())
    }

    /// Begins an upload block by block. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if the metadata is not valid.
    pub fn upload_blocks(&self, how: Upload) -> Result<BlockUpload, StorageError> {
        check_metadata(&how.metadata)?;
        let mut prefix = [0; 12];
        prefix.copy_from_slice(&Uuid::new_v4().as_bytes()[..12]);
        Ok(BlockUpload {
            blob: self.clone(),
            client: self.client.block_blob_client(),
            how,
            prefix,
            blocks: 0,
            pending: BytesMut::new(),
        })
    }
}

impl BlockUpload {
    /// Adds to the content. Sends the blocks that are complete, and keeps the rest, which is less than 4 MiB.
    ///
    /// # Errors
    ///
    /// See [`StorageError`]. The upload cannot be continued after an error.
    pub async fn write(&mut self, mut data: Bytes) -> Result<(), StorageError> {
        while self.pending.len() + data.len() >= BLOCK {
            let rest = BLOCK - self.pending.len();
            let part = data.split_to(rest);
            let block = if self.pending.is_empty() {
                part
            } else {
                let mut block = self.pending.split();
                block.extend_from_slice(&part);
                block.freeze()
            };
            self.stage(block).await?;
        }
        self.pending.extend_from_slice(&data);
        Ok(())
    }

    /// Makes the content visible, in place of what the blob was before. Returns the etag.
    ///
    /// # Errors
    ///
    /// As [`Blob::upload`].
    pub async fn commit(mut self) -> Result<String, StorageError> {
        if !self.pending.is_empty() {
            let block = self.pending.split().freeze();
            self.stage(block).await?;
        }
        let target = &self.blob.target;
        let list = BlockLookupList {
            latest: Some((0..self.blocks).map(|block| self.id(block)).collect()),
            ..BlockLookupList::default()
        };
        let conditions = &self.how.conditions;
        let options = BlockBlobClientCommitBlockListOptions {
            blob_content_type: self.how.content_type.clone(),
            metadata: self.how.metadata()?,
            if_match: conditions.if_match(),
            if_none_match: conditions.if_none_match(),
            lease_id: conditions.lease.clone(),
            ..BlockBlobClientCommitBlockListOptions::default()
        };
        let list = list.try_into().map_err(|error| target.error(&error))?;
        let committed = self.client.commit_block_list(list, Some(options)).await;
        let etag = committed
            .and_then(|response| response.etag())
            .map_err(|error| target.error(&error))?;
        Ok(etag.ok_or_else(|| target.incomplete("etag"))?.into())
    }

    async fn stage(&mut self, block: Bytes) -> Result<(), StorageError> {
        if self.blocks == MAX_BLOCKS {
            return Err(StorageError::InvalidInput(format!(
                "the content of the blob '{}' is too long; expected at most {MAX_BLOCKS} blocks of 4 MiB",
                self.blob.name
            )));
        }
        let id = self.id(self.blocks);
        let options = BlockBlobClientStageBlockOptions {
            lease_id: self.how.conditions.lease.clone(),
            ..BlockBlobClientStageBlockOptions::default()
        };
        let length = block.len() as u64;
        let content = Body::Bytes(block).into();
        self.client
            .stage_block(&id, length, content, Some(options))
            .await
            .map_err(|error| self.blob.target.error(&error))?;
        self.blocks += 1;
        Ok(())
    }

    /// All ids of a blob's blocks must have the same length.
    fn id(&self, block: u32) -> Vec<u8> {
        [&self.prefix[..], &block.to_be_bytes()].concat()
    }
}

impl std::fmt::Debug for BlockUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockUpload")
            .field("blob", &self.blob)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

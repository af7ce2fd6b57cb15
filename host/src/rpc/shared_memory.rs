//! Data that goes by files in memory instead of messages, if the host and the worker are set so.

use std::collections::HashMap;
use std::sync::Arc;

use funcdock_rpc::SharedMemory;
use funcdock_rpc::messages::parameter_binding::RpcData;
use funcdock_rpc::messages::{RpcDataType, RpcSharedMemory};

use super::typed_data;
use crate::model::Data;

/// The maps that the host and this worker share; none if it is off. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Maps(Option<Arc<SharedMemory>>);

impl Maps {
    /// Returns those of these settings. `has_cache` says whether the host keeps maps for other calls.
    pub(super) fn from_settings(lookup: impl Fn(&str) -> Option<String>, has_cache: bool) -> Self {
        let maps = match SharedMemory::from_settings(lookup) {
            Ok(maps) => maps,
            Err(error) => {
                tracing::warn!("{error}; all data goes by messages");
                None
            }
        };
        let maps = maps.map(|maps| maps.with_function_data_cache(has_cache));
        for directory in maps.iter().flat_map(SharedMemory::unusable_directories) {
            tracing::warn!(
                "a directory of FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES is not used: {directory}"
            );
        }
        Maps(maps.map(Arc::new))
    }

    /// Whether data may go by maps.
    pub(super) fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the data of a map of the host, without a copy.
    ///
    /// # Errors
    /// A message.
    pub(super) fn read(&self, map: &RpcSharedMemory) -> Result<Data, String> {
        if map.name.is_empty() && map.count == 0 {
            return Ok(Data::None);
        }
        let Some(maps) = &self.0 else {
            return Err("the host sends data by shared memory, which is off in the worker".to_owned());
        };
        let Some(bytes) = maps.read(map).map_err(|error| error.to_string())? else {
            return Ok(Data::None);
        };
        if map.r#type == i32::from(RpcDataType::String) {
            let text = std::str::from_utf8(&bytes);
            let text =
                text.map_err(|error| format!("the shared memory map {:?} has no text: {error}", map.name))?;
            return Ok(Data::String(text.to_owned()));
        }
        Ok(Data::Bytes(bytes))
    }

    /// Returns what an output sends: a reference to a map if it is large enough, and there is room for it. `None` if there is
    /// no data. Blocks for large data.
    pub(super) fn output(&self, data: Data) -> Option<RpcData> {
        let written = match (&self.0, &data) {
            (Some(maps), Data::Bytes(bytes)) if maps.is_worth(bytes.len()) => {
                Some(maps.write(bytes, RpcDataType::Bytes))
            }
            (Some(maps), Data::String(text)) if maps.is_worth_text(text) => {
                Some(maps.write(text.as_bytes(), RpcDataType::String))
            }
            _ => None,
        };
        match written {
            Some(Ok(map)) => Some(RpcData::RpcSharedMemory(map)),
            Some(Err(error)) => {
                tracing::warn!("{error}; the data goes by a message");
                typed_data::to_host(data).map(RpcData::Data)
            }
            None => typed_data::to_host(data).map(RpcData::Data),
        }
    }

    /// Whether [`output`](Self::output) would block for this data.
    pub(super) fn is_large(&self, data: &Data) -> bool {
        match (&self.0, data) {
            (Some(maps), Data::Bytes(bytes)) => maps.is_worth(bytes.len()),
            (Some(maps), Data::String(text)) => maps.is_worth_text(text),
            _ => false,
        }
    }

    /// Closes maps that the host has read; returns which of them were ours.
    pub(super) fn close(&self, names: Vec<String>) -> HashMap<String, bool> {
        match &self.0 {
            Some(maps) => maps.close(names),
            None => names.into_iter().map(|name| (name, false)).collect(),
        }
    }
}

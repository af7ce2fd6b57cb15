//! Reads and writes blobs.

use bytes::Bytes;
use funcdock_storage::{Blob, BlobProperties, Download, StorageError, Upload};
use serde_json::{Map, Value, json};

use super::account::Account;
use super::error::BindingProblem;
use super::values::CallValues;
use crate::model::expression::{BlobPath, BlobPathTemplate, SystemValues};
use crate::model::schedule::{Timestamp, Zone};
use crate::model::{BlobContent, BodyStream, Data, DataType, Frames, Invocation};

mod frames;

use frames::{BlobFrames, next};

/// Where a blob is in its account.
struct Address {
    container: String,
    blob: String,
}

impl Address {
    fn of(path: &BlobPath) -> Self {
        Address {
            container: path.container().to_owned(),
            blob: path.blob().to_owned(),
        }
    }
}

/// The blob of an input or output.
#[derive(Debug)]
pub(super) struct BlobPlace {
    account: Account,
    /// `None` for the blob that has triggered the call.
    path: Option<BlobPathTemplate>,
    /// The form in which the function takes it.
    data_type: Option<DataType>,
}

impl BlobPlace {
    /// Returns the blob at this path.
    pub(super) fn new(account: Account, path: &BlobPathTemplate, data_type: Option<DataType>) -> Self {
        BlobPlace {
            account,
            path: Some(path.clone()),
            data_type,
        }
    }

    /// Returns the blob that triggers the function.
    pub(super) fn of_trigger(account: Account, data_type: Option<DataType>) -> Self {
        BlobPlace {
            account,
            path: None,
            data_type,
        }
    }

    /// Returns the account of the blob.
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Reads the blob: whole if the function takes text or bytes, else while it is read. No data if it does not exist.
    pub(super) async fn read(
        &self,
        invocation: &Invocation,
        values: &CallValues<'_>,
        system: &SystemValues<'_>,
    ) -> Result<Data, BindingProblem> {
        let path = match (&self.path, invocation.trigger()) {
            (Some(path), _) => Address::of(&path.expand(values, system)?),
            (None, Data::String(path)) => match path.split_once('/') {
                // The service has it: so its name is valid, whatever it is.
                Some((container, blob)) => Address {
                    container: container.to_owned(),
                    blob: blob.to_owned(),
                },
                None => Address::of(&BlobPath::parse(path)?),
            },
            // An operator runs the function with something else.
            (None, data) => return Ok(data.clone()),
        };
        if self.data_type == Some(DataType::Reference) {
            return Ok(Data::Json(self.reference(&path)));
        }
        let blob = self.blob(&path)?;
        let download = match blob.open().await {
            Err(StorageError::NotFound(_)) => return Ok(Data::None),
            download => download?,
        };
        Ok(match self.data_type {
            Some(DataType::String) => Data::String(String::from_utf8(download.collect().await?.into())?),
            Some(DataType::Binary) => Data::Bytes(download.collect().await?),
            Some(DataType::Stream | DataType::Reference) | None => {
                Data::Blob(Box::new(content(&path, &blob, download)))
            }
        })
    }

    /// Writes the blob. Its container is made if it is missing.
    pub(super) async fn write(
        &self,
        data: &Data,
        values: &CallValues<'_>,
        system: &SystemValues<'_>,
    ) -> Result<(), BindingProblem> {
        let Some(path) = &self.path else { return Ok(()) };
        let path = Address::of(&path.expand(values, system)?);
        let blob = self.blob(&path)?;
        let bytes = match data {
            Data::String(text) | Data::Json(text) => Bytes::copy_from_slice(text.as_bytes()),
            Data::Bytes(bytes) => bytes.clone(),
            Data::Int(number) => number.to_string().into(),
            Data::Double(number) => number.to_string().into(),
            Data::Stream(stream) => return self.write_stream(&path, &blob, stream.take()).await,
            Data::Blob(content) => return self.write_stream(&path, &blob, content.content.take()).await,
            Data::Request(_) | Data::Response(_) => return Err(BindingProblem::NoBytes("an HTTP message")),
            Data::Strings(_) | Data::ByteStrings(_) | Data::Ints(_) | Data::Doubles(_) => {
                return Err(BindingProblem::NoBytes("a list"));
            }
            Data::Reference(_) | Data::References(_) => {
                return Err(BindingProblem::NoBytes("a reference"));
            }
            Data::None => return Ok(()),
        };
        match blob.upload(bytes.clone(), &Upload::default()).await {
            Err(StorageError::NotFound(_)) => {
                self.account
                    .connection()?
                    .container(&path.container)?
                    .create_if_missing()
                    .await?;
                blob.upload(bytes, &Upload::default()).await?;
            }
            uploaded => drop(uploaded?),
        }
        Ok(())
    }

    /// Writes a blob while its source is read. Nothing of it is visible before all of it is written.
    async fn write_stream(
        &self,
        path: &Address,
        blob: &Blob,
        frames: Option<Frames>,
    ) -> Result<(), BindingProblem> {
        let already = || BindingProblem::NoBytes("a stream that something else has read already");
        let mut frames = frames.ok_or_else(already)?;
        // What was read of the stream cannot be read again after an attempt without a container.
        self.account
            .connection()?
            .container(&path.container)?
            .create_if_missing()
            .await?;
        let mut upload = blob.upload_blocks(Upload::default())?;
        while let Some(data) = next(&mut frames).await {
            upload.write(data.map_err(BindingProblem::Source)?).await?;
        }
        upload.commit().await?;
        Ok(())
    }

    /// Returns where the blob is, as the language-worker protocol has it.
    fn reference(&self, path: &Address) -> String {
        let connection = match self.account.name() {
            "" => "AzureWebJobsStorage",
            name => name,
        };
        json!({
            "Connection": connection,
            "ContainerName": &path.container,
            "BlobName": &path.blob,
        })
        .to_string()
    }

    fn blob(&self, path: &Address) -> Result<Blob, BindingProblem> {
        let container = self.account.connection()?.container(&path.container)?;
        Ok(container.blob(&path.blob)?)
    }
}

fn content(path: &Address, blob: &Blob, download: Download) -> BlobContent {
    let properties = download.properties();
    BlobContent {
        path: format!("{}/{}", &path.container, &path.blob),
        uri: blob.url(),
        length: properties.length,
        properties: json(properties).to_string(),
        metadata: Value::Object(metadata(properties)).to_string(),
        content: BodyStream::new(BlobFrames::new(download)),
    }
}

/// Returns the properties with the reference's names.
fn json(properties: &BlobProperties) -> Value {
    let modified = Timestamp::try_from(properties.last_modified);
    json!({
        "Length": properties.length,
        "ContentLength": properties.length,
        "ContentType": properties.content_type,
        "ETag": properties.etag,
        "LastModified": modified.ok().map(|time| Zone::utc().local_text(time)),
    })
}

fn metadata(properties: &BlobProperties) -> Map<String, Value> {
    let entries = properties.metadata.iter();
    entries
        .map(|(name, text)| (name.clone(), text.as_str().into()))
        .collect()
}

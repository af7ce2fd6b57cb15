//! What the manifests of an app are made of, and the names in them.

use std::path::Path;

use super::Arguments;
use super::connections::Sources;
use super::functions::Functions;
use super::manifests::kubernetes::Labels;
use super::scaling::Scaling;
use super::variables::ContainerVariables;

/// The name of the port of the container and of the Service.
pub(super) const PORT_NAME: &str = "http";

/// What the manifests are made of.
pub(super) struct Plan<'a> {
    /// The name of all that the manifests make.
    pub(super) name: &'a str,
    /// The namespace, if one is given.
    pub(super) namespace: Option<&'a str>,
    /// The image.
    pub(super) image: &'a str,
    /// The arguments.
    pub(super) arguments: &'a Arguments,
    /// The app's functions.
    pub(super) functions: &'a Functions,
    /// The connections that they use.
    pub(super) sources: &'a Sources,
    /// The variables of the container.
    pub(super) variables: &'a ContainerVariables,
    /// How many pods.
    pub(super) scaling: &'a Scaling,
    /// The folder with the keys of this machine.
    pub(super) secrets_folder: &'a Path,
}

impl Plan<'_> {
    /// Returns the name of the Secret with settings.
    pub(super) fn settings_secret(&self) -> String {
        format!("{}-settings", self.name)
    }

    /// Returns the name of the Secret with the keys of functions.
    pub(super) fn keys_secret(&self) -> String {
        format!("{}-keys", self.name)
    }

    /// Returns the labels of the app's pods.
    pub(super) fn labels(&self) -> Labels {
        Labels::from([("app.kubernetes.io/name", self.name.to_owned())])
    }
}

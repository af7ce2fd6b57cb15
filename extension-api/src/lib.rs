//! All that an extension author depends on.

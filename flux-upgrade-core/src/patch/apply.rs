//! Applying edits to a text, all or none.

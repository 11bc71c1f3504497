//! Protocols without sockets: bytes that a source sent, read as Flux reads them.

pub mod helm_index;

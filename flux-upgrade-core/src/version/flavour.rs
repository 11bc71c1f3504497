//! stub
use std::fmt;
/// a
#[derive(Debug)] pub struct Flavour; /// a
#[derive(Debug)] pub struct Ranked; /// a
#[derive(Debug)] pub struct Ranking; /// a
#[derive(Debug)] pub enum Refusal {} /// a
pub fn newest(_f: &dyn fmt::Debug) {}

//! Data sets: arrays read from files, checked once, shared by all cases.

pub mod npz;

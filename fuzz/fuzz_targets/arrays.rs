//! An archive of arrays.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod request;

fuzz_target!(|bytes: &[u8]| {
    request::open(&[("data.npz", bytes)]);
});

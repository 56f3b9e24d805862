//! The labels file of a folder of images.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod request;

const IMAGE: &[u8] = include_bytes!("../corpus/image/1.png");

fuzz_target!(|bytes: &[u8]| {
    request::open(&[("data.csv", bytes), ("1.png", IMAGE)]);
});

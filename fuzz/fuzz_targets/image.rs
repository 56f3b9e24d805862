//! An image: PNG or JPEG, which its first bytes tell.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod request;

fuzz_target!(|bytes: &[u8]| {
    let name = match bytes.starts_with(b"\xff\xd8") {
        true => "1.jpg",
        false => "1.png",
    };
    let labels = format!("x,y\n{name},0\n");
    request::open(&[("data.csv", labels.as_bytes()), (name, bytes)]);
});
